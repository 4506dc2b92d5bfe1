// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Pseudonyms and seals into a buffer that is used again: no strings for results, and random nonces drawn many at a time. */
final class ByteCrypto {
    private static final int NONCE_BYTES = 12;
    private static final int TAG_BYTES = 16;
    private static final int DIGEST_BYTES = 32;
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private final SecretKeySpec sealKey = new SecretKeySpec(Transform.KEY, "AES");
    private final SecureRandom random = new SecureRandom();
    private final byte[] nonces = new byte[256 * NONCE_BYTES];
    private int nextNonce = nonces.length;
    private final byte[] digest = new byte[DIGEST_BYTES];
    private final Mac mac;
    private final Cipher cipher;

    /** The last result in ASCII; what counts is as long as the method said that wrote it. */
    byte[] result = new byte[1024];

    ByteCrypto() {
        try {
            mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Transform.KEY, "HmacSHA256"));
            cipher = Cipher.getInstance("AES/GCM/NoPadding");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Writes a pseudonym in hexadecimal digits and tells their number. */
    int pseudonym(String text) {
        try {
            mac.update(text.getBytes(StandardCharsets.UTF_8));
            mac.doFinal(digest, 0);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        for (int i = 0; i < DIGEST_BYTES; i++) {
            result[2 * i] = HEX[digest[i] >> 4 & 15];
            result[2 * i + 1] = HEX[digest[i] & 15];
        }
        return 2 * DIGEST_BYTES;
    }

    /** Writes nonce, ciphertext and tag in Base64 and tells how many characters these are. */
    int seal(String text) {
        byte[] clear = text.getBytes(StandardCharsets.UTF_8);
        // The JDK's encoder, which uses vector instructions, takes whole arrays: this one has the exact length.
        byte[] sealed = new byte[NONCE_BYTES + clear.length + TAG_BYTES];
        int nonce = nonce();
        System.arraycopy(nonces, nonce, sealed, 0, NONCE_BYTES);
        try {
            cipher.init(Cipher.ENCRYPT_MODE, sealKey, new GCMParameterSpec(8 * TAG_BYTES, nonces, nonce, NONCE_BYTES));
            cipher.doFinal(clear, 0, clear.length, sealed, NONCE_BYTES);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        int length = (sealed.length + 2) / 3 * 4;
        if (length > result.length) {
            result = new byte[2 * length];
        }
        return Base64.getEncoder().encode(sealed, result);
    }

    /** Gives the place of a nonce that was not used before. */
    private int nonce() {
        if (nextNonce == nonces.length) {
            random.nextBytes(nonces);
            nextNonce = 0;
        }
        nextNonce += NONCE_BYTES;
        return nextNonce - NONCE_BYTES;
    }
}
