// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The verb transform: one thread, the events in memory. */
final class Rounds {
    private static final String USAGE = "transform -in FILE [-out FILE] [-passes N] [-warmup N]";

    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final Transform transform;
    private final List<byte[]> events;

    private Rounds(Transform transform, List<byte[]> events) {
        this.transform = transform;
        this.events = events;
    }

    /** Does what the arguments say. */
    static void run(Transform transform, String[] arguments) throws IOException {
        Flags flags = new Flags(arguments, USAGE, "transform", List.of("-in", "-out", "-passes", "-warmup"));
        String in = flags.required("-in");
        String out = flags.optional("-out");
        long passes = flags.number("-passes", 1, 1);
        long warmup = flags.number("-warmup", 0, 0);
        List<byte[]> events = lines(Files.readAllBytes(Path.of(in)));
        if (events.isEmpty()) {
            throw new IOException(in + " holds no event");
        }
        Rounds rounds = new Rounds(transform, events);
        if (out != null) {
            rounds.write(Path.of(out));
        } else {
            rounds.measure(passes, warmup);
        }
    }

    private static List<byte[]> lines(byte[] file) {
        List<byte[]> lines = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= file.length; i++) {
            if (i == file.length || file[i] == '\n') {
                if (i > start) {
                    lines.add(Arrays.copyOfRange(file, start, i));
                }
                start = i + 1;
            }
        }
        return lines;
    }

    private void write(Path out) throws IOException {
        try (OutputStream stream = new BufferedOutputStream(Files.newOutputStream(out))) {
            for (byte[] event : events) {
                stream.write(transform.apply(event));
                stream.write('\n');
            }
        }
    }

    private void measure(long passes, long warmup) throws IOException {
        for (long done = 0; done < warmup; done += events.size()) {
            pass();
        }
        System.out.println("ready");
        BufferedReader harness = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = harness.readLine(); line != null; line = harness.readLine()) {
            if (!line.equals("go")) {
                throw new IOException("standard input says something else than go");
            }
            System.out.println(round(passes));
        }
    }

    /** Measures one round. The CPU time is the whole process's: the compiler's and the collector's threads count. */
    private String round(long passes) throws IOException {
        long worker = Thread.currentThread().getId();
        long allocated = THREADS.getThreadAllocatedBytes(worker);
        long wall = System.nanoTime();
        long cpu = SYSTEM.getProcessCpuTime();
        long bytesOut = 0;
        for (long i = 0; i < passes; i++) {
            bytesOut += pass();
        }
        cpu = SYSTEM.getProcessCpuTime() - cpu;
        wall = System.nanoTime() - wall;
        allocated = THREADS.getThreadAllocatedBytes(worker) - allocated;
        long bytesIn = 0;
        for (byte[] event : events) {
            bytesIn += event.length;
        }
        return String.format("{\"events\":%d,\"cpu_ns\":%d,\"wall_ns\":%d,\"bytes_in\":%d,\"bytes_out\":%d,"
            + "\"allocations\":null,\"allocated_bytes\":%d}",
            passes * events.size(), cpu, wall, passes * bytesIn, bytesOut, allocated);
    }

    private long pass() throws IOException {
        long bytesOut = 0;
        for (byte[] event : events) {
            bytesOut += transform.apply(event).length;
        }
        return bytesOut;
    }
}
