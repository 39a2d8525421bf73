PRAGMA application_id = 1634956656;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        row INTEGER,
        file NOT NULL,
        destination TEXT,
        destination_key BLOB,
        state TEXT NOT NULL CHECK (
            state IN ('PENDING', 'SENDING', 'COMMITTING', 'DONE', 'FAILED', 'SKIPPED', 'BROKEN')
        ),
        large INTEGER NOT NULL,
        order_key,
        attempts INTEGER NOT NULL DEFAULT 0,
        size INTEGER,
        device INTEGER,
        inode INTEGER,
        mtime_ns INTEGER,
        ctime_ns INTEGER,
        expected_size INTEGER,
        expected_md5 TEXT,
        overwrite INTEGER,
        columns TEXT,
        session_id TEXT,
        part_size INTEGER,
        job_id INTEGER,
        parts INTEGER,
        seconds REAL,
        calls INTEGER,
        bytes_written INTEGER,
        error_type TEXT,
        error TEXT,
        md5s BLOB
    , leftover TEXT CHECK (leftover IN ('OUTDATED', 'DAMAGED')));
INSERT INTO "entry" VALUES(1,1,'/data/f1','/u1/f1',X'402A5B4A2DAEACE42A6AF2FF667C054F530A8B46D0038438','SENDING',0,NULL,1,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc1"}','s1',5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'DAMAGED');
INSERT INTO "entry" VALUES(2,2,'/data/f2','/u1/f2',X'402A5B4A2DAEACE407530BE40BDD289C48724A0110EFF054','COMMITTING',0,NULL,1,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc2"}',NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(3,3,'/data/f3','/u1/f3',X'402A5B4A2DAEACE4A56824A3C935E8BA9C205821A2CD92B9','DONE',0,NULL,1,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc3"}',NULL,NULL,NULL,2,0.5,7,11,NULL,NULL,X'ABABABABABABABABABABABABABABABABCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD',NULL);
INSERT INTO "entry" VALUES(4,4,'/data/f4','/u1/f4',X'402A5B4A2DAEACE4E0E202E5729924E220168704DC7A3B49','FAILED',0,NULL,1,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc4"}','s4',NULL,NULL,NULL,0.0,0,0,'INVALID_DATA','bad',NULL,NULL);
INSERT INTO "entry" VALUES(5,5,'/data/f5','/u1/f5',X'402A5B4A2DAEACE4CA5A33C1895D0548861560503E4E1803','SKIPPED',0,NULL,1,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc5"}',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'in place',NULL,NULL);
INSERT INTO "entry" VALUES(6,6,'/data/f6','/u1/f6',X'402A5B4A2DAEACE4A79B3A2DC55D85D73F295D2E5663DD67','PENDING',0,NULL,0,10,-9223372036854775808,-1,1,-1,NULL,'abababababababababababababababab',NULL,'{"x":"\u00dc6"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(7,7,X'2F646174612FEDB3A9','/u1/f7',X'402A5B4A2DAEACE42842602A1BC71AAF9B88960A8E4C9D15','PENDING',0,NULL,0,10,-9223372036854775808,-1,1,-1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "entry" VALUES(8,8,'/data/f8',NULL,NULL,'BROKEN',0,NULL,0,10,-9223372036854775808,-1,1,-1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'SAME_DESTINATION','the destination /U1/F1 is that of row 1 (written /u1/f1)',NULL,NULL);
INSERT INTO "entry" VALUES(9,9,'x',NULL,NULL,'BROKEN',0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'QUOTES','quotes',NULL,NULL);
CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        source TEXT NOT NULL,
        destination TEXT NOT NULL,
        matching TEXT NOT NULL,
        entry_order TEXT NOT NULL,
        large_from INTEGER NOT NULL,
        source_read INTEGER NOT NULL DEFAULT 0,
        begun INTEGER NOT NULL DEFAULT 1,
        first_begun_at_s REAL NOT NULL,
        last_begun_at_s REAL NOT NULL
    );
INSERT INTO "run" VALUES(1,'/data','/u1','folded','as-given',1000,1,1,1.5,1.5);
CREATE TABLE tally (
        state TEXT NOT NULL,
        large INTEGER NOT NULL,
        files INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (state, large)
    ) WITHOUT ROWID
    ;
INSERT INTO "tally" VALUES('BROKEN',0,2,10);
INSERT INTO "tally" VALUES('BROKEN',1,0,0);
INSERT INTO "tally" VALUES('COMMITTING',0,1,10);
INSERT INTO "tally" VALUES('COMMITTING',1,0,0);
INSERT INTO "tally" VALUES('DONE',0,1,10);
INSERT INTO "tally" VALUES('DONE',1,0,0);
INSERT INTO "tally" VALUES('FAILED',0,1,10);
INSERT INTO "tally" VALUES('FAILED',1,0,0);
INSERT INTO "tally" VALUES('PENDING',0,2,20);
INSERT INTO "tally" VALUES('PENDING',1,0,0);
INSERT INTO "tally" VALUES('SENDING',0,1,10);
INSERT INTO "tally" VALUES('SENDING',1,0,0);
INSERT INTO "tally" VALUES('SKIPPED',0,1,10);
INSERT INTO "tally" VALUES('SKIPPED',1,0,0);
CREATE UNIQUE INDEX entry_row ON entry (row) WHERE row IS NOT NULL;
CREATE UNIQUE INDEX entry_file ON entry (file) WHERE row IS NULL;
CREATE UNIQUE INDEX entry_destination ON entry (destination_key) WHERE destination_key IS NOT NULL;
CREATE INDEX entry_pending ON entry (large, order_key, id) WHERE state = 'PENDING';
CREATE INDEX entry_under_way ON entry (state) WHERE state IN ('SENDING', 'COMMITTING');
CREATE INDEX entry_session ON entry (session_id) WHERE session_id IS NOT NULL;
CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
        UPDATE tally SET files = files + 1, bytes = bytes + ifnull(NEW.size, 0)
        WHERE state = NEW.state AND large = NEW.large;
    END;
CREATE TRIGGER entry_changed AFTER UPDATE OF state, large, size ON entry
    WHEN OLD.state IS NOT NEW.state OR OLD.large IS NOT NEW.large OR OLD.size IS NOT NEW.size BEGIN
        UPDATE tally SET files = files - 1, bytes = bytes - ifnull(OLD.size, 0)
        WHERE state = OLD.state AND large = OLD.large;
        UPDATE tally SET files = files + 1, bytes = bytes + ifnull(NEW.size, 0)
        WHERE state = NEW.state AND large = NEW.large;
    END;
CREATE TRIGGER entry_withdrawn AFTER DELETE ON entry BEGIN
        UPDATE tally SET files = files - 1, bytes = bytes - ifnull(OLD.size, 0)
        WHERE state = OLD.state AND large = OLD.large;
    END;
COMMIT;
