// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/nymstream/nymstream/internal/event"
)

// arnRegion finds the region in the ARN of a key or an alias.
var arnRegion = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]*:(key|alias)/.`)

// openAWS reaches for a key of AWS KMS by its ARN. The encryption context associatedData carries the associated data in
// hexadecimal; it is not secret, and CloudTrail shows it.
func openAWS(arn string, o KMS) (tink.AEADWithContext, func(error) error, error) {
	region := arnRegion.FindStringSubmatch(arn)
	if region == nil {
		return nil, nil, errors.New("write the ARN of a key or an alias: awskms:arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	load := []func(*config.LoadOptions) error{config.WithRegion(region[1])}
	if o.Credentials != "" {
		load = append(load, config.WithSharedCredentialsFiles([]string{o.Credentials}))
	}
	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, nil, fmt.Errorf("AWS configuration: %w", err)
	}
	client := kms.NewFromConfig(c, func(k *kms.Options) {
		if o.Endpoint != "" {
			k.BaseEndpoint = &o.Endpoint
		}
	})
	a, err := awskms.NewAEADWithContext(ctx, arn, awskms.WithKMS(client))
	return a, classAWS, err
}

// classAWS follows the error lists of Encrypt and Decrypt in the KMS API Reference.
func classAWS(err error) error {
	if _, ok := errors.AsType[*types.InvalidCiphertextException](err); ok {
		return errRefused
	}
	if _, ok := errors.AsType[*types.IncorrectKeyException](err); ok {
		return errRefused
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return event.ErrTransient // it did not reach the service, or has no credentials at the moment
	}
	switch answer.ErrorCode() {
	case "AccessDeniedException", "DisabledException", "NotFoundException", "KMSInvalidStateException", "InvalidKeyUsageException",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken":
		return ErrKEKRevoked
	}
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && (r.HTTPStatusCode() == 401 || r.HTTPStatusCode() == 403) {
		return ErrKEKRevoked
	}
	return event.ErrTransient
}
