// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.function.UnaryOperator;

/** The transform on Jackson's tree model: the code that people write in a mapValues. */
final class TreeTransform implements Transform {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final TextCrypto crypto = new TextCrypto();
    private final UnaryOperator<String> pseudonym = crypto::pseudonym;
    private final UnaryOperator<String> seal = crypto::seal;

    @Override
    public byte[] apply(byte[] event) throws IOException {
        JsonNode in = MAPPER.readTree(event);
        ObjectNode out = MAPPER.createObjectNode();
        keep(in, out, "type");
        replace(in, out, "published", Generalization::hour);
        actor(in.path("actor"), out.putObject("actor"));
        object(in.path("object"), out.putObject("object"));
        context(in.path("context"), out.putObject("context"));
        return MAPPER.writeValueAsBytes(out);
    }

    private void actor(JsonNode in, ObjectNode out) {
        replace(in, out, "id", pseudonym);
        replace(in, out, "handle", pseudonym);
        replace(in, out, "email", seal);
        if (in.hasNonNull("age")) {
            out.put("age", Generalization.ageBucket(in.get("age").intValue()));
        }
        keep(in, out, "verified");
        keep(in, out, "followers");
    }

    private void object(JsonNode in, ObjectNode out) {
        keep(in, out, "type");
        replace(in, out, "text", seal);
        keep(in, out, "lang");
        replace(in, out, "in_reply_to_user_id", pseudonym);
        keep(in, out, "possibly_sensitive");

        JsonNode metrics = in.path("metrics");
        ObjectNode keptMetrics = out.putObject("metrics");
        keep(metrics, keptMetrics, "likes");
        keep(metrics, keptMetrics, "reposts");
        keep(metrics, keptMetrics, "replies");
        keep(metrics, keptMetrics, "views");

        JsonNode entities = in.path("entities");
        ObjectNode keptEntities = out.putObject("entities");
        ArrayNode mentions = keptEntities.putArray("mentions");
        for (JsonNode mention : entities.path("mentions")) {
            replace(mention, mentions.addObject(), "id", pseudonym);
        }
        keep(entities, keptEntities, "hashtags");
    }

    private void context(JsonNode in, ObjectNode out) {
        replace(in, out, "ip", Generalization::network);
        JsonNode device = in.path("device");
        ObjectNode keptDevice = out.putObject("device");
        replace(device, keptDevice, "id", pseudonym);
        keep(device, keptDevice, "os");
        replace(in, out, "session_id", pseudonym);

        JsonNode geo = in.path("geo");
        ObjectNode coarse = out.putObject("geo");
        coordinate(geo, coarse, "lat");
        coordinate(geo, coarse, "lon");
        keep(geo, coarse, "country");
    }

    private static void keep(JsonNode in, ObjectNode out, String field) {
        if (in.hasNonNull(field)) {
            out.set(field, in.get(field));
        }
    }

    private static void replace(JsonNode in, ObjectNode out, String field, UnaryOperator<String> by) {
        if (in.hasNonNull(field)) {
            out.put(field, by.apply(in.get(field).asText()));
        }
    }

    private static void coordinate(JsonNode in, ObjectNode out, String field) {
        if (in.hasNonNull(field)) {
            out.put(field, Generalization.grid(in.get(field).doubleValue()));
        }
    }
}
