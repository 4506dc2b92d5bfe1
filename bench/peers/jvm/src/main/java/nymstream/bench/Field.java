// SPDX-License-Identifier: Apache-2.0

package nymstream.bench;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.SerializedString;
import java.util.HashMap;
import java.util.Map;

/** A field that may leave, what is done to its values, and the fields inside it. An array holds values of its field's kind. */
final class Field {
    enum Kind { OBJECT, KEEP, PSEUDONYM, SEAL, HOUR, NETWORK, COORDINATE, AGE }

    final SerializableString name;
    final Kind kind;
    final Map<String, Field> fields = new HashMap<>();

    private Field(String name, Kind kind) {
        this.name = name == null ? null : new SerializedString(name);
        this.kind = kind;
    }

    /** Gives an object without fields; the whole event has no name. */
    static Field object(String name) {
        return new Field(name, Kind.OBJECT);
    }

    Field add(String name, Kind kind) {
        return add(new Field(name, kind));
    }

    Field add(Field field) {
        fields.put(field.name.getValue(), field);
        return this;
    }

    /** Reports whether a value that begins with the token may leave: objects only where they are expected, and never null. */
    boolean takes(JsonToken token) {
        return kind == Kind.OBJECT ? token == JsonToken.START_OBJECT : token.isScalarValue() && token != JsonToken.VALUE_NULL;
    }
}
