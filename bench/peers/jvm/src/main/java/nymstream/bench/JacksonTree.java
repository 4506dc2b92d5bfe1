// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.io.IOException;

/** The contender jackson-tree. */
public final class JacksonTree {
    private JacksonTree() {
    }

    public static void main(String[] arguments) throws IOException {
        Rounds.run(new TreeTransform(), arguments);
    }
}
