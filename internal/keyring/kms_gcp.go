// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/nymstream/nymstream/internal/event"
)

var gcpKey = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)

// openGCP reaches for a key of Google Cloud KMS by its resource name.
func openGCP(name string, o KMS) (tink.AEADWithContext, func(error) error, error) {
	if !gcpKey.MatchString(name) {
		return nil, nil, errors.New("write a key's name: gcpkms:projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY")
	}
	var options []option.ClientOption
	if o.Credentials != "" {
		options = append(options, option.WithAuthCredentialsFile(option.ServiceAccount, o.Credentials))
	}
	if address, plain := strings.CutPrefix(o.Endpoint, "http://"); plain {
		options = append(options, option.WithEndpoint(address), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	} else if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimPrefix(o.Endpoint, "https://")))
	}
	a, err := gcpkms.GetAEADWithContext(context.Background(), "gcp-kms://"+name, gcpkms.WithGoogleAPIClientOptions(options...))
	if err != nil {
		return nil, nil, fmt.Errorf("Google Cloud client: %w", err)
	}
	return a, classGCP, nil
}

// classGCP follows google.rpc.Code; a key version that is disabled or destroyed fails a precondition.
func classGCP(err error) error {
	answer := status.Convert(err)
	switch answer.Code() {
	case codes.InvalidArgument:
		return errRefused
	case codes.Unauthenticated:
		if strings.Contains(answer.Message(), "per-RPC creds failed") { // gRPC's own: no token could be had, and nobody was asked
			return event.ErrTransient
		}
		return ErrKEKRevoked
	case codes.PermissionDenied, codes.NotFound, codes.FailedPrecondition:
		return ErrKEKRevoked
	}
	return event.ErrTransient
}
