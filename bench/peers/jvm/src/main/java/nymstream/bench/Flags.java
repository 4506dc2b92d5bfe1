// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The verb and the flags of a contender: a single dash, the value in the next argument. */
final class Flags {
    private static final int WRONG_USE = 2;

    private final Map<String, String> values = new HashMap<>();
    private final String usage;

    /** Reads the arguments; ends the program when they are others than the usage says. */
    Flags(String[] arguments, String usage, String verb, List<String> known) {
        this.usage = usage;
        if (arguments.length == 0 || !arguments[0].equals(verb)) {
            refuse("the verb is " + verb);
        }
        for (int i = 1; i < arguments.length; i += 2) {
            if (!known.contains(arguments[i])) {
                refuse("unknown flag " + arguments[i]);
            }
            if (i + 1 == arguments.length) {
                refuse(arguments[i] + " needs a value");
            }
            values.put(arguments[i], arguments[i + 1]);
        }
    }

    /** Gives a flag's value, null without one. */
    String optional(String flag) {
        return values.get(flag);
    }

    String required(String flag) {
        if (!values.containsKey(flag)) {
            refuse(flag + " is missing");
        }
        return values.get(flag);
    }

    long number(String flag, long fallback, long least) {
        String text = values.get(flag);
        if (text == null) {
            return fallback;
        }
        try {
            long number = Long.parseLong(text);
            if (number >= least) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Refused below, as is a number that is too small.
        }
        refuse(flag + " is a whole number of at least " + least);
        return fallback;
    }

    void refuse(String why) {
        System.err.println(why + "\nusage: " + usage);
        System.exit(WRONG_USE);
    }
}
