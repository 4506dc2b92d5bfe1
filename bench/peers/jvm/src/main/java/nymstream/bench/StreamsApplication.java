// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * The contender streams: a Kafka Streams application with the tree transform, at least once as is the default.
 * The environment variable THREADS sets the number of its threads, 1 without it.
 */
public final class StreamsApplication {
    private static final String USAGE = "kafka -brokers HOST:PORT,... -group GROUP -in TOPIC -out TOPIC";

    private StreamsApplication() {
    }

    public static void main(String[] arguments) throws Exception {
        Flags flags = new Flags(arguments, USAGE, "kafka", List.of("-brokers", "-group", "-in", "-out"));
        String brokers = flags.required("-brokers");
        String group = flags.required("-group");
        Topology topology = topology(flags.required("-in"), flags.required("-out"));

        Path folder = Files.createTempDirectory("nymstream-streams");
        AtomicInteger code = new AtomicInteger();
        CountDownLatch end = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(topology, settings(brokers, group, folder));
        // An event that cannot be sanitized ends the application: it is neither forwarded as it is nor skipped.
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            code.set(1);
            end.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        // By itself a JVM that was told to end does so with 143.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            remove(folder);
            Runtime.getRuntime().halt(code.get());
        }));
        streams.start();
        end.await();
        System.exit(code.get());
    }

    private static Topology topology(String in, String out) {
        StreamsBuilder builder = new StreamsBuilder();
        // One instance serves all threads of the application, a transform only one.
        ThreadLocal<Transform> transform = ThreadLocal.withInitial(TreeTransform::new);
        builder.<byte[], byte[]>stream(in).mapValues(event -> {
            try {
                return transform.get().apply(event);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }).to(out);
        return builder.build();
    }

    private static Properties settings(String brokers, String group, Path folder) {
        Properties settings = new Properties();
        settings.putAll(Map.of(
            StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
            StreamsConfig.APPLICATION_ID_CONFIG, group,
            StreamsConfig.STATE_DIR_CONFIG, folder.toString(),
            StreamsConfig.NUM_STREAM_THREADS_CONFIG, System.getenv().getOrDefault("THREADS", "1"),
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000,
            StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class,
            StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class));
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "snappy");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 128 * 1024);
        return settings;
    }

    /** Removes the folder of the state, which holds no more than the mark of the process. */
    private static void remove(Path folder) {
        try (Stream<Path> paths = Files.walk(folder)) {
            paths.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException e) {
            System.err.println("the folder of the state remains: " + e);
        }
    }
}
