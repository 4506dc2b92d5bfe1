// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import java.io.IOException;

/** The transform from token to token, led by the tree of the fields that may leave. The contender "tuned". */
final class StreamingTransform implements Transform {
    private static final Field EVENT = Field.object(null)
        .add("type", Field.Kind.KEEP)
        .add("published", Field.Kind.HOUR)
        .add(Field.object("actor")
            .add("id", Field.Kind.PSEUDONYM)
            .add("handle", Field.Kind.PSEUDONYM)
            .add("email", Field.Kind.SEAL)
            .add("age", Field.Kind.AGE)
            .add("verified", Field.Kind.KEEP)
            .add("followers", Field.Kind.KEEP))
        .add(Field.object("object")
            .add("type", Field.Kind.KEEP)
            .add("text", Field.Kind.SEAL)
            .add("lang", Field.Kind.KEEP)
            .add("in_reply_to_user_id", Field.Kind.PSEUDONYM)
            .add("possibly_sensitive", Field.Kind.KEEP)
            .add(Field.object("metrics")
                .add("likes", Field.Kind.KEEP)
                .add("reposts", Field.Kind.KEEP)
                .add("replies", Field.Kind.KEEP)
                .add("views", Field.Kind.KEEP))
            .add(Field.object("entities")
                .add(Field.object("mentions")
                    .add("id", Field.Kind.PSEUDONYM))
                .add("hashtags", Field.Kind.KEEP)))
        .add(Field.object("context")
            .add("ip", Field.Kind.NETWORK)
            .add(Field.object("device")
                .add("id", Field.Kind.PSEUDONYM)
                .add("os", Field.Kind.KEEP))
            .add("session_id", Field.Kind.PSEUDONYM)
            .add(Field.object("geo")
                .add("lat", Field.Kind.COORDINATE)
                .add("lon", Field.Kind.COORDINATE)
                .add("country", Field.Kind.KEEP)));

    private final JsonFactory json = JsonFactory.builder()
        .recyclerPool(JsonRecyclerPools.threadLocalPool())
        .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
        .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
        .build();
    private final ByteCrypto crypto = new ByteCrypto();
    private final ByteArrayBuilder buffer = new ByteArrayBuilder(8192);

    @Override
    public byte[] apply(byte[] event) throws IOException {
        buffer.reset();
        try (JsonParser in = json.createParser(event); JsonGenerator out = json.createGenerator(buffer)) {
            if (in.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("the event is not an object");
            }
            object(in, out, EVENT);
        }
        return buffer.toByteArray();
    }

    private void object(JsonParser in, JsonGenerator out, Field object) throws IOException {
        out.writeStartObject();
        for (String name = in.nextFieldName(); name != null; name = in.nextFieldName()) {
            Field field = object.fields.get(name);
            JsonToken token = in.nextToken();
            if (field == null || token != JsonToken.START_ARRAY && !field.takes(token)) {
                in.skipChildren();
                continue;
            }
            out.writeFieldName(field.name);
            if (token == JsonToken.START_ARRAY) {
                array(in, out, field);
            } else {
                value(in, out, field);
            }
        }
        out.writeEndObject();
    }

    private void array(JsonParser in, JsonGenerator out, Field element) throws IOException {
        out.writeStartArray();
        for (JsonToken token = in.nextToken(); token != JsonToken.END_ARRAY; token = in.nextToken()) {
            if (element.takes(token)) {
                value(in, out, element);
            } else {
                in.skipChildren();
            }
        }
        out.writeEndArray();
    }

    private void value(JsonParser in, JsonGenerator out, Field field) throws IOException {
        switch (field.kind) {
            case OBJECT -> object(in, out, field);
            case KEEP -> out.copyCurrentEvent(in);
            // What the cryptography writes needs no escapes.
            case PSEUDONYM -> {
                int length = crypto.pseudonym(in.getText());
                out.writeRawUTF8String(crypto.result, 0, length);
            }
            case SEAL -> {
                int length = crypto.seal(in.getText());
                out.writeRawUTF8String(crypto.result, 0, length);
            }
            case HOUR -> out.writeString(Generalization.hour(in.getText()));
            case NETWORK -> out.writeString(Generalization.network(in.getText()));
            case COORDINATE -> out.writeNumber(Generalization.grid(in.getDoubleValue()));
            case AGE -> out.writeString(Generalization.ageBucket(in.getIntValue()));
        }
    }
}
