// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.io.IOException;

/** The contender jackson-streaming. */
public final class JacksonStreaming {
    private JacksonStreaming() {
    }

    public static void main(String[] arguments) throws IOException {
        Rounds.run(new StreamingTransform(), arguments);
    }
}
