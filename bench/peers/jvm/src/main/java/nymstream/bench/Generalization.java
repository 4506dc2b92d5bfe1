// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

/** The values that are made coarser, as the policy of the benchmark has it. */
final class Generalization {
    private static final int[] AGES = {18, 25, 35, 45, 55, 65};
    private static final String[] AGE_BUCKETS = {"<18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"};

    /** The mesh of 10 km is 0.09 degrees. */
    private static final long MESH_HUNDREDTHS = 9;
    private static final double NANODEGREES = 1e9;
    private static final long MESH_NANODEGREES = 90_000_000;

    private Generalization() {
    }

    /** Cuts a time to its hour. Times are in UTC, as the events write them. */
    static String hour(String time) {
        return time.substring(0, 13) + ":00:00Z";
    }

    /** Gives the /24 network of an IPv4 address. */
    static String network(String address) {
        return address.substring(0, address.lastIndexOf('.')) + ".0";
    }

    /**
     * Moves a coordinate to the nearest point of the grid, halves away from zero. Whole nanodegrees, because a double
     * divided by 0.09 misses halves that the text of the event hits exactly.
     */
    static double grid(double degrees) {
        long nanodegrees = Math.round(Math.abs(degrees) * NANODEGREES);
        long cells = (nanodegrees + MESH_NANODEGREES / 2) / MESH_NANODEGREES;
        double nearest = cells * MESH_HUNDREDTHS / 100.0;
        return degrees < 0 && cells > 0 ? -nearest : nearest;
    }

    static String ageBucket(int age) {
        int bucket = 0;
        while (bucket < AGES.length && age >= AGES[bucket]) {
            bucket++;
        }
        return AGE_BUCKETS[bucket];
    }
}
