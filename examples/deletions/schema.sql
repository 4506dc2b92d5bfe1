-- What a recipient keeps of its topic, so that it can delete by pseudonym. PostgreSQL 15 or later.
CREATE SCHEMA IF NOT EXISTS clean;

CREATE TABLE IF NOT EXISTS clean.event (
    topic       text   NOT NULL,
    "partition" int    NOT NULL,
    "offset"    bigint NOT NULL,
    subject     text,                     -- pseudonym of the person whose event it is; null where records do not say
    object      text,                     -- pseudonym of the thing that it tells of, a post say; null where there is none
    body        text   NOT NULL,          -- JSON as it came: jsonb would refuse the character U+0000
    PRIMARY KEY (topic, "partition", "offset")
);

-- Every pseudonym that stands in an event, wherever: what is deleted is found by it.
CREATE TABLE IF NOT EXISTS clean.mention (
    pseudonym   text   NOT NULL,
    topic       text   NOT NULL,
    "partition" int    NOT NULL,
    "offset"    bigint NOT NULL,
    PRIMARY KEY (pseudonym, topic, "partition", "offset"),
    FOREIGN KEY (topic, "partition", "offset") REFERENCES clean.event ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS mention_event ON clean.mention (topic, "partition", "offset");

-- For good: records of another partition, or read again, may come after their deletion. No pseudonym is ever used again.
CREATE TABLE IF NOT EXISTS clean.erased (
    pseudonym text PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE FUNCTION clean.pseudonyms(body text, subject text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT m[1] FROM regexp_matches(body, '[a-z]{3}_[0-9]{1,9}_[0-9a-v]{26}', 'g') AS m
    UNION SELECT subject WHERE subject IS NOT NULL
    ORDER BY 1                            -- all lock in one order, and so never wait for each other in a circle
$$;

-- falls tells whether an event ends with a pseudonym: it is of that person or thing, or could be of that person.
CREATE OR REPLACE FUNCTION clean.falls(gone text, subject text, object text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT gone IS NOT DISTINCT FROM subject OR gone IS NOT DISTINCT FROM object
        OR subject IS NULL AND left(gone, 3) NOT IN ('obj', 'grp', 'app', 'plc', 'url', 'med', 'ava')
$$;

-- take keeps an event, without those who are erased. Again with the same coordinates it changes nothing.
CREATE OR REPLACE FUNCTION clean.take(in_topic text, in_partition int, in_offset bigint, in_subject text, in_object text, in_body text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT clean.pseudonyms(in_body, in_subject) LOOP
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(one, 0));
    END LOOP;
    FOR one IN SELECT e.pseudonym FROM clean.erased e WHERE e.pseudonym IN (SELECT clean.pseudonyms(in_body, in_subject)) LOOP
        IF clean.falls(one, in_subject, in_object) THEN
            RETURN;
        END IF;
        in_body := replace(in_body, one, 'erased');
    END LOOP;
    INSERT INTO clean.event VALUES (in_topic, in_partition, in_offset, in_subject, in_object, in_body) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO clean.mention SELECT p, in_topic, in_partition, in_offset FROM clean.pseudonyms(in_body, in_subject) AS p;
    END IF;
END $$;

-- erase deletes what is kept under a pseudonym, and takes it out of all other events. It gives the number of events deleted.
CREATE OR REPLACE FUNCTION clean.erase(gone text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    deleted bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(gone, 0));
    INSERT INTO clean.erased VALUES (gone) ON CONFLICT DO NOTHING;
    DELETE FROM clean.event e USING clean.mention m
        WHERE m.pseudonym = gone AND (e.topic, e."partition", e."offset") = (m.topic, m."partition", m."offset")
          AND clean.falls(gone, e.subject, e.object);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    UPDATE clean.event e SET body = replace(e.body, gone, 'erased') FROM clean.mention m
        WHERE m.pseudonym = gone AND (e.topic, e."partition", e."offset") = (m.topic, m."partition", m."offset");
    DELETE FROM clean.mention WHERE pseudonym = gone;
    RETURN deleted;
END $$;

-- clear deletes what is kept under a key that its source has deleted. It may come back.
CREATE OR REPLACE FUNCTION clean.clear(gone text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM clean.event e USING clean.mention m
        WHERE m.pseudonym = gone AND (e.topic, e."partition", e."offset") = (m.topic, m."partition", m."offset") AND gone IN (e.subject, e.object)
$$;
