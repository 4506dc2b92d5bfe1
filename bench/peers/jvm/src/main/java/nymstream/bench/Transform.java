// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Sanitizes one event. An instance serves one thread. */
interface Transform {
    /** Key of all peers: published, guards nothing. */
    byte[] KEY = "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    byte[] apply(byte[] event) throws IOException;
}
