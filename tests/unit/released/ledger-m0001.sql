BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'ledger','m0001_first_tables','2026-11-24 11:05:27.508504+00:00');
CREATE TABLE command (
  command_id text primary key,                   -- ULID
  lane text not null,
  pass_id text not null,
  op text not null,
  boot text not null,
  not_after_ms integer not null,                 -- the lane's own clock
  issued_at_ms integer not null,
  by text not null,
  why text not null,
  entry_seq integer not null references entry,   -- the newest entry when it was committed
  result text not null default '',               -- '' until the lane answered
  reason text not null default '',
  result_at_ms integer
) strict;
INSERT INTO "command" VALUES('01CMD000000000000000000000','g2-b03','00000001-1','raise','00000001',9000,1640966417070,'policy','default',2,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000001','g1-b01','00000001-2','raise','00000001',9000,1640966621230,'policy','default',5,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000002','g2-b03','00000001-3','raise','00000001',9000,1640967038738,'policy','default',8,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000003','g1-b01','00000001-4','raise','00000001',9000,1640967488407,'policy','default',11,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000004','g1-b01','00000001-5','raise','00000001',9000,1640968019925,'policy','default',14,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000005','g2-b03','00000001-6','raise','00000001',9000,1640968077264,'policy','default',17,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000006','g1-b02','00000001-7','raise','00000001',9000,1640968123920,'policy','default',20,'','',NULL);
INSERT INTO "command" VALUES('01CMD000000000000000000007','g1-b01','00000001-8','raise','00000001',9000,1640968605808,'policy','default',23,'','',NULL);
CREATE TABLE entry (
  seq integer primary key check (seq > 0),       -- 1, 2, 3 ... without gaps
  at_ms integer not null,
  kind text not null,                            -- domain/records.py KINDS
  ledger text not null,
  lane text not null,
  pass_id text not null,
  body text not null,                            -- canonical JSON
  prev_hash text not null check (length(prev_hash) = 64),
  hash text not null unique check (length(hash) = 64)
) strict;
INSERT INTO "entry" VALUES(1,1640966414870,'opened','in_out','g2-b03','00000001-1','{"direction":"in","kind":"arrival","lane_event":"00000001-1"}','0000000000000000000000000000000000000000000000000000000000000000','5f730212da515d8059ad7c1f8da4a27e4308c36bcf628a10d61ea0449af2e6ed');
INSERT INTO "entry" VALUES(2,1640966416970,'verdict','in_out','g2-b03','00000001-1','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"云F84169","plate_type":"yellow_single"},"photos":{"body":"d18a4e070a45599bdc97abad9828e9c8c9fe21055ea43a94c7685aea8c1e5827","head":"c9a29f3051bb7e1d10a6aa49154f3643d9f9f35f87a7998c5a5168ed6e197d98"},"record_no":"530111000120320220101000014870001","verdict":{"inputs":{"emission_stage":"4","fuel_type":"B","plate_no":"云F84169","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','5f730212da515d8059ad7c1f8da4a27e4308c36bcf628a10d61ea0449af2e6ed','11a1df550acfe16f77de92f89e01d94fc43d517846a3825add9574ec647514b8');
INSERT INTO "entry" VALUES(3,1640966449870,'closed','in_out','g2-b03','00000001-1','{"barrier_action":"2","closed_at_ms":1640966449870,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000120320220101000014870001","visit_id":"V20220101-000001"}','11a1df550acfe16f77de92f89e01d94fc43d517846a3825add9574ec647514b8','49dc91d2e1af30fb53806f4908d48e949307ef2263cb4d79d0f1c63ad03d0819');
INSERT INTO "entry" VALUES(4,1640966619030,'opened','in_out','g1-b01','00000001-2','{"direction":"in","kind":"arrival","lane_event":"00000001-2"}','49dc91d2e1af30fb53806f4908d48e949307ef2263cb4d79d0f1c63ad03d0819','a5575d348ef3091b99299a1af95395ac3a5ff9d5c28992595a0eec9ac7890c2b');
INSERT INTO "entry" VALUES(5,1640966621130,'verdict','in_out','g1-b01','00000001-2','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"6","plate_no":"黔P50922D","plate_type":"yellow_single"},"photos":{"body":"c494fedf9c90a04fca2a0cd3182d4c0c86c426e1f7a8ce97dd49157d90c3b92d","head":"ed73a03bb5e03499110faef0fed5d1ed39b1acd11add8ead850ea9dfb71147c1"},"record_no":"530111000110120220101000339030001","verdict":{"inputs":{"emission_stage":"D","fuel_type":"C","plate_no":"黔P50922D","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','a5575d348ef3091b99299a1af95395ac3a5ff9d5c28992595a0eec9ac7890c2b','33b12b17001c0a31e4c636d1cb27e209a43a8a90c669c0a3d22dfdd764d43142');
INSERT INTO "entry" VALUES(6,1640966654030,'closed','in_out','g1-b01','00000001-2','{"barrier_action":"2","closed_at_ms":1640966654030,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000110120220101000339030001","visit_id":"V20220101-000002"}','33b12b17001c0a31e4c636d1cb27e209a43a8a90c669c0a3d22dfdd764d43142','8375b9b2eaca3841ef0f29a69aefe2bbc84118daed68dbd936ad2050fe5e98e9');
INSERT INTO "entry" VALUES(7,1640967036538,'opened','in_out','g2-b03','00000001-3','{"direction":"in","kind":"arrival","lane_event":"00000001-3"}','8375b9b2eaca3841ef0f29a69aefe2bbc84118daed68dbd936ad2050fe5e98e9','3b9674ef5bb7482c4fed137a89a193bb523bdb4967ef5282414eda422b2f51ae');
INSERT INTO "entry" VALUES(8,1640967038638,'verdict','in_out','g2-b03','00000001-3','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"云T77385","plate_type":"yellow_single"},"photos":{"body":"71118d484cde1d9c37d5d6e61e354960137872838317068a49bb5b0c7930b93d","head":"03a3edbeba6383fab3c91df27bc3f6bdc45f7b5fe8461642a2d88f6ae4e81c5a"},"record_no":"530111000120320220101001036538001","verdict":{"inputs":{"emission_stage":"3","fuel_type":"B","plate_no":"云T77385","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','3b9674ef5bb7482c4fed137a89a193bb523bdb4967ef5282414eda422b2f51ae','db2a74d3a9d0539898b924ff0470347f488a0b082769a92b3b241a0f7a1c442c');
INSERT INTO "entry" VALUES(9,1640967071538,'closed','in_out','g2-b03','00000001-3','{"barrier_action":"2","closed_at_ms":1640967071538,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000120320220101001036538001","visit_id":"V20220101-000003"}','db2a74d3a9d0539898b924ff0470347f488a0b082769a92b3b241a0f7a1c442c','8e2804fb7f985e80ec5a441ed1f6612418331640249d48b1ae2d31380103a548');
INSERT INTO "entry" VALUES(10,1640967486207,'opened','in_out','g1-b01','00000001-4','{"direction":"in","kind":"arrival","lane_event":"00000001-4"}','8e2804fb7f985e80ec5a441ed1f6612418331640249d48b1ae2d31380103a548','1f598fd19a421ffa91c468254ca01b5c52f2831a5b1719e2195d5a2f69388a8c');
INSERT INTO "entry" VALUES(11,1640967488307,'verdict','in_out','g1-b01','00000001-4','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘Z18251","plate_type":"yellow_single"},"photos":{"body":"593ce120ab07b00ed95687f3bfad0a0e35043100a866f14b820cf88052b56a56","head":"9ec8c86a6065c1aae36e9dc091df56fa1e30cf2ced5da6747df64e2b4eb763c2"},"record_no":"530111000110120220101001806207001","verdict":{"inputs":{"emission_stage":"4","fuel_type":"B","plate_no":"湘Z18251","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','1f598fd19a421ffa91c468254ca01b5c52f2831a5b1719e2195d5a2f69388a8c','4339ec70c27a86a9f83fcdc5e08a854a5f1ac6d954363d848ed640e16d573d43');
INSERT INTO "entry" VALUES(12,1640967521207,'closed','in_out','g1-b01','00000001-4','{"barrier_action":"2","closed_at_ms":1640967521207,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000110120220101001806207001","visit_id":"V20220101-000004"}','4339ec70c27a86a9f83fcdc5e08a854a5f1ac6d954363d848ed640e16d573d43','900909d22de250c2b4a565b858feb3edfae910cd84ac1a93dbe05b7fce19bbf1');
INSERT INTO "entry" VALUES(13,1640968017725,'opened','in_out','g1-b01','00000001-5','{"direction":"in","kind":"arrival","lane_event":"00000001-5"}','900909d22de250c2b4a565b858feb3edfae910cd84ac1a93dbe05b7fce19bbf1','2d709c737e78253cf34b5e2a59217b9b3386fde88ffea7ebc682ffd60ded99be');
INSERT INTO "entry" VALUES(14,1640968019825,'verdict','in_out','g1-b01','00000001-5','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"鄂M13646","plate_type":"yellow_single"},"photos":{"body":"70e1de9edc6b094a3163fd89accd680135d59eaec4db435cc3d0213719954e2f","head":"3003a3bf7fc1fa3d2e12100245c35180ea0e0d15b0f3e625445896aa62c5851d"},"record_no":"530111000110120220101002657725001","verdict":{"inputs":{"emission_stage":"5","fuel_type":"B","plate_no":"鄂M13646","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','2d709c737e78253cf34b5e2a59217b9b3386fde88ffea7ebc682ffd60ded99be','c954c592b728bd02dc1e1b969e364c65fc07bacbe0ef6997257a9a42763ccbf6');
INSERT INTO "entry" VALUES(15,1640968052725,'closed','in_out','g1-b01','00000001-5','{"barrier_action":"2","closed_at_ms":1640968052725,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000110120220101002657725001","visit_id":"V20220101-000005"}','c954c592b728bd02dc1e1b969e364c65fc07bacbe0ef6997257a9a42763ccbf6','bbe841430be2c9f9781e0c1b6125d4efa557c5f3e2f28ac9a8239b30c5977a55');
INSERT INTO "entry" VALUES(16,1640968075064,'opened','in_out','g2-b03','00000001-6','{"direction":"in","kind":"arrival","lane_event":"00000001-6"}','bbe841430be2c9f9781e0c1b6125d4efa557c5f3e2f28ac9a8239b30c5977a55','4bc161abef8ae995644689657b7d21b693f88c0c43daeb39e83ed5b291ac523f');
INSERT INTO "entry" VALUES(17,1640968077164,'verdict','in_out','g2-b03','00000001-6','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘X84066","plate_type":"yellow_single"},"photos":{"body":"9a25229703348cec2fcb4d66c99afa134244b2d83ea6d785d491b4b560dd406f","head":"202b691349aa28e0d40d0ddb9fe24a4d63fcd2fcf2183c0cc53ecd1854881fb7"},"record_no":"530111000120320220101002755064001","verdict":{"inputs":{"emission_stage":"6","fuel_type":"B","plate_no":"湘X84066","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','4bc161abef8ae995644689657b7d21b693f88c0c43daeb39e83ed5b291ac523f','22a0a4662184b1de4404736dc28dc758ecbe3c0aa5c7bab07eb32a00b8fcdcad');
INSERT INTO "entry" VALUES(18,1640968110064,'closed','in_out','g2-b03','00000001-6','{"barrier_action":"2","closed_at_ms":1640968110064,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000120320220101002755064001","visit_id":"V20220101-000006"}','22a0a4662184b1de4404736dc28dc758ecbe3c0aa5c7bab07eb32a00b8fcdcad','619c62519c69e7f8374afdfa2f9217e04ab33f1f257d5111694519f25084c550');
INSERT INTO "entry" VALUES(19,1640968121720,'opened','in_out','g1-b02','00000001-7','{"direction":"out","kind":"arrival","lane_event":"00000001-7"}','619c62519c69e7f8374afdfa2f9217e04ab33f1f257d5111694519f25084c550','77bd0ede525704c6608f9c87f537616dea3e3d0169f0a0bfe9319ae36a8a1b7a');
INSERT INTO "entry" VALUES(20,1640968123820,'verdict','in_out','g1-b02','00000001-7','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"6","plate_no":"黔P50922D","plate_type":"yellow_single"},"photos":{"body":"d1eefc5ca77a07ed07c37f5d320a3ca335f803c6f4d40e782a2397c7c503f126","head":"0c32629cbbbf19edf3ed48669a5e8f543733552be6d9a7203dadf7346143f5e6"},"record_no":"530111000110220220101002841720001","verdict":{"inputs":{"emission_stage":"D","fuel_type":"C","plate_no":"黔P50922D","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','77bd0ede525704c6608f9c87f537616dea3e3d0169f0a0bfe9319ae36a8a1b7a','9891d656d7e407598e2d2a4bde01f4c746cc206daac0e2e5a04876f61305db45');
INSERT INTO "entry" VALUES(21,1640968156720,'closed','in_out','g1-b02','00000001-7','{"barrier_action":"2","closed_at_ms":1640968156720,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000110220220101002841720001","visit_id":"V20220101-000002"}','9891d656d7e407598e2d2a4bde01f4c746cc206daac0e2e5a04876f61305db45','f34067ca2ac640959975f4d32013958d71efc0fbf18b55fa06e339c651c8c3ad');
INSERT INTO "entry" VALUES(22,1640968603608,'opened','in_out','g1-b01','00000001-8','{"direction":"in","kind":"arrival","lane_event":"00000001-8"}','f34067ca2ac640959975f4d32013958d71efc0fbf18b55fa06e339c651c8c3ad','a82c415038bbdafd1cc959128a54beaf5f9220fab41c8b46173192bbbd03c1a0');
INSERT INTO "entry" VALUES(23,1640968605708,'verdict','in_out','g1-b01','00000001-8','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"贵Z08209","plate_type":"yellow_single"},"photos":{"body":"7db14eac8d87f46893f57a3075ecaf2cb7095d2aa0d3275a693ad5f976bb88f6","head":"bd4438dd73f18f1a14530e4d28b5dcbb2eb78af101d22e14d37135a36df5483f"},"record_no":"530111000110120220101003643608001","verdict":{"inputs":{"emission_stage":"5","fuel_type":"B","plate_no":"贵Z08209","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','a82c415038bbdafd1cc959128a54beaf5f9220fab41c8b46173192bbbd03c1a0','d660622507fbef4c5efb9521f7b6264d21b54df54a19545197afc46c4b3caa97');
INSERT INTO "entry" VALUES(24,1640968638608,'closed','in_out','g1-b01','00000001-8','{"barrier_action":"2","closed_at_ms":1640968638608,"control_result":"0","decided_by":"policy","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"notes":[],"record_no":"530111000110120220101003643608001","visit_id":"V20220101-000007"}','d660622507fbef4c5efb9521f7b6264d21b54df54a19545197afc46c4b3caa97','e82271a32c0ca76c2a0343b661856d9f484c7765e963f8d48046ddf5991c3323');
INSERT INTO "entry" VALUES(25,1640968970850,'opened','in_out','g1-b01','00000001-9','{"direction":"in","kind":"arrival","lane_event":"00000001-9"}','e82271a32c0ca76c2a0343b661856d9f484c7765e963f8d48046ddf5991c3323','27d9efa1dd904fb4dc3b6c5afbf574e6c12845bd42442fc1bf3cd4fa345bbed7');
INSERT INTO "entry" VALUES(26,1640968972950,'verdict','in_out','g1-b01','00000001-9','{"identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘S96562","plate_type":"yellow_single"},"photos":{},"record_no":"530111000110120220101004250850001","verdict":{"inputs":{"emission_stage":"6","fuel_type":"B","plate_no":"湘S96562","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false}}','27d9efa1dd904fb4dc3b6c5afbf574e6c12845bd42442fc1bf3cd4fa345bbed7','a86484c640960a5656ee8fecc54dbd894d25b5e3f614fbb363f1df2880fe11fa');
CREATE TABLE lane_event (
  lane text not null,
  boot text not null,
  seq integer not null,
  kind text not null,
  lane_pass text not null,
  ms integer not null,                           -- lane milliseconds since that boot
  at_ms integer not null,                        -- the gateway's estimate of the wall time
  at_error_ms integer not null,
  data text not null,
  received_at_ms integer not null,
  primary key (lane, boot, seq)
) strict, without rowid;
INSERT INTO "lane_event" VALUES('g1-b01','00000001',2,'arrival','00000001-2',1000,1640966619030,20,'{"since":"edge"}',1640966619045);
INSERT INTO "lane_event" VALUES('g1-b01','00000001',4,'arrival','00000001-4',1000,1640967486207,20,'{"since":"edge"}',1640967486222);
INSERT INTO "lane_event" VALUES('g1-b01','00000001',5,'arrival','00000001-5',1000,1640968017725,20,'{"since":"edge"}',1640968017740);
INSERT INTO "lane_event" VALUES('g1-b01','00000001',8,'arrival','00000001-8',1000,1640968603608,20,'{"since":"edge"}',1640968603623);
INSERT INTO "lane_event" VALUES('g1-b02','00000001',7,'arrival','00000001-7',1000,1640968121720,20,'{"since":"edge"}',1640968121735);
INSERT INTO "lane_event" VALUES('g2-b03','00000001',1,'arrival','00000001-1',1000,1640966414870,20,'{"since":"edge"}',1640966414885);
INSERT INTO "lane_event" VALUES('g2-b03','00000001',3,'arrival','00000001-3',1000,1640967036538,20,'{"since":"edge"}',1640967036553);
INSERT INTO "lane_event" VALUES('g2-b03','00000001',6,'arrival','00000001-6',1000,1640968075064,20,'{"since":"edge"}',1640968075079);
CREATE TABLE outbox (
  id integer primary key,
  op text not null,
  key text not null unique,                      -- the record's key for life
  pass_id text not null,
  rev integer not null,
  req_id text not null unique,                   -- ULID, the same on every retry
  record text not null,
  state text not null check (state in ('waiting', 'new', 'retry', 'accepted', 'parked')),
  created_at_ms integer not null,
  released_at_ms integer,                        -- when the closing entry let it go
  next_at_ms integer not null default 0,
  attempts integer not null default 0,
  upload_at_ms integer,                          -- first attempt; fixed for life
  is_backfill integer not null default 0 check (is_backfill in (0, 1)),
  accepted_at_ms integer,
  receipt text not null default '',
  last_code integer,
  last_error text not null default ''
) strict;
INSERT INTO "outbox" VALUES(1,'inOutRecord','530111000120320220101000014870001','00000001-1',1,'01M86KPTS0EQ6Q4JPKCZQSG4QB','{"barrier_action":"2","barrier_code":"03","body_photo":"photos/2022/01/01/00000001-1-body.jpg","camera_code":"C03-H","closed_at_ms":1640966449870,"control_result":"0","driver_name":"黄师傅","driver_phone":"13996526687","emission_stage":"4","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"14687609","entrance_code":"2","fleet_name":"第7运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-1-head.jpg","network_status":"1","pass_time_ms":1640966414870,"passage_state":"1","plate_colour":"1","plate_no":"云F84169","policy_id":"default","policy_version":1,"record_no":"530111000120320220101000014870001","record_source":"auto","register_date":"2016-05-16","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA6703","vehicle_type":"Q11","vin":"AUWYDMVYHW6ACUPR8","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000001"}','new',1640966416970,1640966449870,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(2,'inOutRecord','530111000110120220101000339030001','00000001-2',1,'01M86KPTSVRGWP5ZTHB6T96D2X','{"barrier_action":"2","barrier_code":"01","body_photo":"photos/2022/01/01/00000001-2-body.jpg","camera_code":"C01-H","closed_at_ms":1640966654030,"control_result":"0","driver_name":"林师傅","driver_phone":"13908525943","emission_stage":"D","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"24855086","entrance_code":"1","fleet_name":"第28运输公司","fuel_type":"C","head_photo":"photos/2022/01/01/00000001-2-head.jpg","network_status":"1","pass_time_ms":1640966619030,"passage_state":"1","plate_colour":"6","plate_no":"黔P50922D","policy_id":"default","policy_version":1,"record_no":"530111000110120220101000339030001","record_source":"auto","register_date":"2025-06-24","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA8121","vehicle_type":"H21","vin":"W85G7NHU9B3T64SLG","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000002"}','new',1640966621130,1640966654030,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(3,'inOutRecord','530111000120320220101001036538001','00000001-3',1,'01M86KPTTFBD5ZANKZ2EZ12X25','{"barrier_action":"2","barrier_code":"03","body_photo":"photos/2022/01/01/00000001-3-body.jpg","camera_code":"C03-H","closed_at_ms":1640967071538,"control_result":"0","driver_name":"高师傅","driver_phone":"13959766038","emission_stage":"3","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"73476988","entrance_code":"2","fleet_name":"第3运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-3-head.jpg","network_status":"1","pass_time_ms":1640967036538,"passage_state":"1","plate_colour":"1","plate_no":"云T77385","policy_id":"default","policy_version":1,"record_no":"530111000120320220101001036538001","record_source":"auto","register_date":"2009-12-13","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA4205","vehicle_type":"H21","vin":"7BXV7X8CLV7BVBF4K","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000003"}','new',1640967038638,1640967071538,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(4,'inOutRecord','530111000110120220101001806207001','00000001-4',1,'01M86KPTV2P4X40ME7HZKZP2DT','{"barrier_action":"2","barrier_code":"01","body_photo":"photos/2022/01/01/00000001-4-body.jpg","camera_code":"C01-H","closed_at_ms":1640967521207,"control_result":"0","driver_name":"罗师傅","driver_phone":"13974369137","emission_stage":"4","engine_maker":"潍柴动力","engine_model":"WP10","engine_no":"10115037","entrance_code":"1","fleet_name":"第48运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-4-head.jpg","network_status":"1","pass_time_ms":1640967486207,"passage_state":"1","plate_colour":"1","plate_no":"湘Z18251","policy_id":"default","policy_version":1,"record_no":"530111000110120220101001806207001","record_source":"auto","register_date":"2015-01-14","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA8557","vehicle_type":"H21","vin":"U4Y9UD32ZFP76LBAP","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000004"}','new',1640967488307,1640967521207,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(5,'inOutRecord','530111000110120220101002657725001','00000001-5',1,'01M86KPTVZ7BPGMQ8TKD6TB0A2','{"barrier_action":"2","barrier_code":"01","body_photo":"photos/2022/01/01/00000001-5-body.jpg","camera_code":"C01-H","closed_at_ms":1640968052725,"control_result":"0","driver_name":"赵师傅","driver_phone":"13994179851","emission_stage":"5","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"36796472","entrance_code":"1","fleet_name":"第19运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-5-head.jpg","network_status":"0","pass_time_ms":1640968017725,"passage_state":"1","plate_colour":"1","plate_no":"鄂M13646","policy_id":"default","policy_version":1,"record_no":"530111000110120220101002657725001","record_source":"auto","register_date":"2019-10-11","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA2733","vehicle_type":"H11","vin":"64KRPCGDDHFF608BM","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000005"}','new',1640968019825,1640968052725,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(6,'inOutRecord','530111000120320220101002755064001','00000001-6',1,'01M86KPTWW3R6XAS22PMCQF4R2','{"barrier_action":"2","barrier_code":"03","body_photo":"photos/2022/01/01/00000001-6-body.jpg","camera_code":"C03-H","closed_at_ms":1640968110064,"control_result":"0","driver_name":"朱师傅","driver_phone":"13988645836","emission_stage":"6","engine_maker":"潍柴动力","engine_model":"WP13","engine_no":"94884484","entrance_code":"2","fleet_name":"第5运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-6-head.jpg","network_status":"0","pass_time_ms":1640968075064,"passage_state":"1","plate_colour":"1","plate_no":"湘X84066","policy_id":"default","policy_version":1,"record_no":"530111000120320220101002755064001","record_source":"auto","register_date":"2024-08-17","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA5675","vehicle_type":"H11","vin":"PSCC37AP4DB0J7A05","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000006"}','new',1640968077164,1640968110064,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(7,'inOutRecord','530111000110220220101002841720001','00000001-7',1,'01M86KPTXK9N4TRSCVAT5N8K1D','{"barrier_action":"2","barrier_code":"02","body_photo":"photos/2022/01/01/00000001-7-body.jpg","camera_code":"C02-H","closed_at_ms":1640968156720,"control_result":"0","driver_name":"林师傅","driver_phone":"13908525943","emission_stage":"D","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"24855086","entrance_code":"1","fleet_name":"第28运输公司","fuel_type":"C","head_photo":"photos/2022/01/01/00000001-7-head.jpg","network_status":"1","pass_time_ms":1640968121720,"passage_state":"2","plate_colour":"6","plate_no":"黔P50922D","policy_id":"default","policy_version":1,"record_no":"530111000110220220101002841720001","record_source":"auto","register_date":"2025-06-24","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA8121","vehicle_type":"H21","vin":"W85G7NHU9B3T64SLG","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000002"}','new',1640968123820,1640968156720,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(8,'inOutRecord','530111000110120220101003643608001','00000001-8',1,'01M86KPTYK2ZDZW95N52MWQ1HE','{"barrier_action":"2","barrier_code":"01","body_photo":"photos/2022/01/01/00000001-8-body.jpg","camera_code":"C01-H","closed_at_ms":1640968638608,"control_result":"0","driver_name":"郭师傅","driver_phone":"13948247173","emission_stage":"5","engine_maker":"潍柴动力","engine_model":"WP13","engine_no":"66491300","entrance_code":"1","fleet_name":"第40运输公司","fuel_type":"B","head_photo":"photos/2022/01/01/00000001-8-head.jpg","network_status":"1","pass_time_ms":1640968603608,"passage_state":"1","plate_colour":"1","plate_no":"贵Z08209","policy_id":"default","policy_version":1,"record_no":"530111000110120220101003643608001","record_source":"auto","register_date":"2018-10-14","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA8197","vehicle_type":"Q11","vin":"XM7JK6T8U1J2K41LS","violates_policy":false,"violation_reason":"","visit_id":"V20220101-000007"}','new',1640968605708,1640968638608,0,0,NULL,0,NULL,'',NULL,'');
INSERT INTO "outbox" VALUES(9,'inOutRecord','530111000110120220101004250850001','00000001-9',1,'01M86KPV0RDNS5DZB2N130HN0Z','{"barrier_action":"0","barrier_code":"01","body_photo":"","camera_code":"C01-H","closed_at_ms":null,"control_result":"0","driver_name":"张师傅","driver_phone":"13944188765","emission_stage":"6","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"74006007","entrance_code":"1","fleet_name":"第39运输公司","fuel_type":"B","head_photo":"","network_status":"1","pass_time_ms":1640968970850,"passage_state":"1","plate_colour":"1","plate_no":"湘S96562","policy_id":"default","policy_version":1,"record_no":"530111000110120220101004250850001","record_source":"auto","register_date":"2024-01-27","response_level":"0","rev":1,"use_nature":"F","vehicle_model":"CA4127","vehicle_type":"Q11","vin":"B9BX0FY5TSLYVU61Z","violates_policy":false,"violation_reason":"","visit_id":""}','waiting',1640968972950,NULL,0,0,NULL,0,NULL,'',NULL,'');
CREATE TABLE over_limit (
  exceed_id text primary key,
  plate_no text not null,
  plate_colour text not null,
  reason text not null,
  effective_from_ms integer not null
) strict;
CREATE TABLE pass (
  pass_id text primary key,
  lane text not null,
  direction text not null check (direction in ('in', 'out')),
  lane_pass text not null,                       -- the lane's present name for it
  state text not null,                           -- domain/passing.py states
  arrived_at_ms integer not null,
  closed_at_ms integer,
  plate_no text not null default '',
  plate_colour text not null default '5',        -- plate colour code; 5 other or unknown
  verdict text not null default '',
  decided_by text not null default '',
  end_kind text not null default '',             -- the lane contract's ends
  record_no text not null default '',
  doc text not null                              -- the whole Pass
) strict;
INSERT INTO "pass" VALUES('00000001-1','g2-b03','in','00000001-1','closed',1640966414870,1640966449870,'云F84169','1','ALLOW','policy','completed','530111000120320220101000014870001','{"answer":null,"arrived_at_ms":1640966414870,"arrived_error_ms":0,"body_photo":"00000001-1-body","closed_at_ms":1640966449870,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-1-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"云F84169","plate_type":"yellow_single"},"lane":"g2-b03","lane_pass":"00000001-1","notes":[],"pass_id":"00000001-1","raised_by":"policy","record_no":"530111000120320220101000014870001","state":"closed","vehicle":{"driver_name":"黄师傅","driver_phone":"13996526687","emission_stage":"4","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"14687609","fleet_name":"第7运输公司","fuel_type":"B","is_audited":true,"network_status":"1","plate_colour":"1","plate_no":"云F84169","register_date":"2016-05-16","use_nature":"F","vehicle_model":"CA6703","vehicle_type":"Q11","vin":"AUWYDMVYHW6ACUPR8"},"verdict":{"inputs":{"emission_stage":"4","fuel_type":"B","plate_no":"云F84169","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000001"}');
INSERT INTO "pass" VALUES('00000001-2','g1-b01','in','00000001-2','closed',1640966619030,1640966654030,'黔P50922D','6','ALLOW','policy','completed','530111000110120220101000339030001','{"answer":null,"arrived_at_ms":1640966619030,"arrived_error_ms":0,"body_photo":"00000001-2-body","closed_at_ms":1640966654030,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-2-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"6","plate_no":"黔P50922D","plate_type":"yellow_single"},"lane":"g1-b01","lane_pass":"00000001-2","notes":[],"pass_id":"00000001-2","raised_by":"policy","record_no":"530111000110120220101000339030001","state":"closed","vehicle":{"driver_name":"林师傅","driver_phone":"13908525943","emission_stage":"D","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"24855086","fleet_name":"第28运输公司","fuel_type":"C","is_audited":true,"network_status":"1","plate_colour":"6","plate_no":"黔P50922D","register_date":"2025-06-24","use_nature":"F","vehicle_model":"CA8121","vehicle_type":"H21","vin":"W85G7NHU9B3T64SLG"},"verdict":{"inputs":{"emission_stage":"D","fuel_type":"C","plate_no":"黔P50922D","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000002"}');
INSERT INTO "pass" VALUES('00000001-3','g2-b03','in','00000001-3','closed',1640967036538,1640967071538,'云T77385','1','ALLOW','policy','completed','530111000120320220101001036538001','{"answer":null,"arrived_at_ms":1640967036538,"arrived_error_ms":0,"body_photo":"00000001-3-body","closed_at_ms":1640967071538,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-3-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"云T77385","plate_type":"yellow_single"},"lane":"g2-b03","lane_pass":"00000001-3","notes":[],"pass_id":"00000001-3","raised_by":"policy","record_no":"530111000120320220101001036538001","state":"closed","vehicle":{"driver_name":"高师傅","driver_phone":"13959766038","emission_stage":"3","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"73476988","fleet_name":"第3运输公司","fuel_type":"B","is_audited":true,"network_status":"1","plate_colour":"1","plate_no":"云T77385","register_date":"2009-12-13","use_nature":"F","vehicle_model":"CA4205","vehicle_type":"H21","vin":"7BXV7X8CLV7BVBF4K"},"verdict":{"inputs":{"emission_stage":"3","fuel_type":"B","plate_no":"云T77385","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000003"}');
INSERT INTO "pass" VALUES('00000001-4','g1-b01','in','00000001-4','closed',1640967486207,1640967521207,'湘Z18251','1','ALLOW','policy','completed','530111000110120220101001806207001','{"answer":null,"arrived_at_ms":1640967486207,"arrived_error_ms":0,"body_photo":"00000001-4-body","closed_at_ms":1640967521207,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-4-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘Z18251","plate_type":"yellow_single"},"lane":"g1-b01","lane_pass":"00000001-4","notes":[],"pass_id":"00000001-4","raised_by":"policy","record_no":"530111000110120220101001806207001","state":"closed","vehicle":{"driver_name":"罗师傅","driver_phone":"13974369137","emission_stage":"4","engine_maker":"潍柴动力","engine_model":"WP10","engine_no":"10115037","fleet_name":"第48运输公司","fuel_type":"B","is_audited":true,"network_status":"1","plate_colour":"1","plate_no":"湘Z18251","register_date":"2015-01-14","use_nature":"F","vehicle_model":"CA8557","vehicle_type":"H21","vin":"U4Y9UD32ZFP76LBAP"},"verdict":{"inputs":{"emission_stage":"4","fuel_type":"B","plate_no":"湘Z18251","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000004"}');
INSERT INTO "pass" VALUES('00000001-5','g1-b01','in','00000001-5','closed',1640968017725,1640968052725,'鄂M13646','1','ALLOW','policy','completed','530111000110120220101002657725001','{"answer":null,"arrived_at_ms":1640968017725,"arrived_error_ms":0,"body_photo":"00000001-5-body","closed_at_ms":1640968052725,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-5-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"鄂M13646","plate_type":"yellow_single"},"lane":"g1-b01","lane_pass":"00000001-5","notes":[],"pass_id":"00000001-5","raised_by":"policy","record_no":"530111000110120220101002657725001","state":"closed","vehicle":{"driver_name":"赵师傅","driver_phone":"13994179851","emission_stage":"5","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"36796472","fleet_name":"第19运输公司","fuel_type":"B","is_audited":true,"network_status":"0","plate_colour":"1","plate_no":"鄂M13646","register_date":"2019-10-11","use_nature":"F","vehicle_model":"CA2733","vehicle_type":"H11","vin":"64KRPCGDDHFF608BM"},"verdict":{"inputs":{"emission_stage":"5","fuel_type":"B","plate_no":"鄂M13646","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000005"}');
INSERT INTO "pass" VALUES('00000001-6','g2-b03','in','00000001-6','closed',1640968075064,1640968110064,'湘X84066','1','ALLOW','policy','completed','530111000120320220101002755064001','{"answer":null,"arrived_at_ms":1640968075064,"arrived_error_ms":0,"body_photo":"00000001-6-body","closed_at_ms":1640968110064,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-6-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘X84066","plate_type":"yellow_single"},"lane":"g2-b03","lane_pass":"00000001-6","notes":[],"pass_id":"00000001-6","raised_by":"policy","record_no":"530111000120320220101002755064001","state":"closed","vehicle":{"driver_name":"朱师傅","driver_phone":"13988645836","emission_stage":"6","engine_maker":"潍柴动力","engine_model":"WP13","engine_no":"94884484","fleet_name":"第5运输公司","fuel_type":"B","is_audited":true,"network_status":"0","plate_colour":"1","plate_no":"湘X84066","register_date":"2024-08-17","use_nature":"F","vehicle_model":"CA5675","vehicle_type":"H11","vin":"PSCC37AP4DB0J7A05"},"verdict":{"inputs":{"emission_stage":"6","fuel_type":"B","plate_no":"湘X84066","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000006"}');
INSERT INTO "pass" VALUES('00000001-7','g1-b02','out','00000001-7','closed',1640968121720,1640968156720,'黔P50922D','6','ALLOW','policy','completed','530111000110220220101002841720001','{"answer":null,"arrived_at_ms":1640968121720,"arrived_error_ms":0,"body_photo":"00000001-7-body","closed_at_ms":1640968156720,"crossing":"completed","direction":"out","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-7-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"6","plate_no":"黔P50922D","plate_type":"yellow_single"},"lane":"g1-b02","lane_pass":"00000001-7","notes":[],"pass_id":"00000001-7","raised_by":"policy","record_no":"530111000110220220101002841720001","state":"closed","vehicle":{"driver_name":"林师傅","driver_phone":"13908525943","emission_stage":"D","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"24855086","fleet_name":"第28运输公司","fuel_type":"C","is_audited":true,"network_status":"1","plate_colour":"6","plate_no":"黔P50922D","register_date":"2025-06-24","use_nature":"F","vehicle_model":"CA8121","vehicle_type":"H21","vin":"W85G7NHU9B3T64SLG"},"verdict":{"inputs":{"emission_stage":"D","fuel_type":"C","plate_no":"黔P50922D","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000002"}');
INSERT INTO "pass" VALUES('00000001-8','g1-b01','in','00000001-8','closed',1640968603608,1640968638608,'贵Z08209','1','ALLOW','policy','completed','530111000110120220101003643608001','{"answer":null,"arrived_at_ms":1640968603608,"arrived_error_ms":0,"body_photo":"00000001-8-body","closed_at_ms":1640968638608,"crossing":"completed","direction":"in","end":"completed","ended_by":"lane","evidence":["under_arm","exit"],"head_photo":"00000001-8-head","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"贵Z08209","plate_type":"yellow_single"},"lane":"g1-b01","lane_pass":"00000001-8","notes":[],"pass_id":"00000001-8","raised_by":"policy","record_no":"530111000110120220101003643608001","state":"closed","vehicle":{"driver_name":"郭师傅","driver_phone":"13948247173","emission_stage":"5","engine_maker":"潍柴动力","engine_model":"WP13","engine_no":"66491300","fleet_name":"第40运输公司","fuel_type":"B","is_audited":true,"network_status":"1","plate_colour":"1","plate_no":"贵Z08209","register_date":"2018-10-14","use_nature":"F","vehicle_model":"CA8197","vehicle_type":"Q11","vin":"XM7JK6T8U1J2K41LS"},"verdict":{"inputs":{"emission_stage":"5","fuel_type":"B","plate_no":"贵Z08209","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":"V20220101-000007"}');
INSERT INTO "pass" VALUES('00000001-9','g1-b01','in','00000001-9','judged',1640968970850,NULL,'湘S96562','1','ALLOW','policy','','530111000110120220101004250850001','{"answer":null,"arrived_at_ms":1640968970850,"arrived_error_ms":0,"body_photo":"","closed_at_ms":null,"crossing":"","direction":"in","end":"","ended_by":"","evidence":[],"head_photo":"","identity":{"agreeing":4,"candidates":[],"confidence":0.93,"frames":8,"is_manual":false,"plate_colour":"1","plate_no":"湘S96562","plate_type":"yellow_single"},"lane":"g1-b01","lane_pass":"00000001-9","notes":[],"pass_id":"00000001-9","raised_by":"","record_no":"530111000110120220101004250850001","state":"judged","vehicle":{"driver_name":"张师傅","driver_phone":"13944188765","emission_stage":"6","engine_maker":"潍柴动力","engine_model":"WP12","engine_no":"74006007","fleet_name":"第39运输公司","fuel_type":"B","is_audited":true,"network_status":"1","plate_colour":"1","plate_no":"湘S96562","register_date":"2024-01-27","use_nature":"F","vehicle_model":"CA4127","vehicle_type":"Q11","vin":"B9BX0FY5TSLYVU61Z"},"verdict":{"inputs":{"emission_stage":"6","fuel_type":"B","plate_no":"湘S96562","response_level":"0"},"policy_id":"default","policy_version":1,"reason_code":"","reason_en":"allowed","reason_zh":"准许通行","response_level":"0","rule_id":"default","verdict":"ALLOW","violates_policy":false},"visit_id":""}');
CREATE TABLE pass_alias (
  lane text not null,
  lane_pass text not null,
  pass_id text not null references pass,
  primary key (lane, lane_pass)
) strict, without rowid;
INSERT INTO "pass_alias" VALUES('g1-b01','00000001-2','00000001-2');
INSERT INTO "pass_alias" VALUES('g1-b01','00000001-4','00000001-4');
INSERT INTO "pass_alias" VALUES('g1-b01','00000001-5','00000001-5');
INSERT INTO "pass_alias" VALUES('g1-b01','00000001-8','00000001-8');
INSERT INTO "pass_alias" VALUES('g1-b01','00000001-9','00000001-9');
INSERT INTO "pass_alias" VALUES('g1-b02','00000001-7','00000001-7');
INSERT INTO "pass_alias" VALUES('g2-b03','00000001-1','00000001-1');
INSERT INTO "pass_alias" VALUES('g2-b03','00000001-3','00000001-3');
INSERT INTO "pass_alias" VALUES('g2-b03','00000001-6','00000001-6');
CREATE TABLE photo (
  photo_id text primary key,
  pass_id text not null,
  kind text not null check (kind in ('head', 'body')),
  camera text not null,
  path text not null unique,                     -- below the data directory
  sha256 text not null check (length(sha256) = 64),
  size_bytes integer not null check (size_bytes > 0),
  taken_at_ms integer not null
) strict;
INSERT INTO "photo" VALUES('00000001-1-head','00000001-1','head','C01-H','photos/2022/01/01/00000001-1-head.jpg','c9a29f3051bb7e1d10a6aa49154f3643d9f9f35f87a7998c5a5168ed6e197d98',516,1640966414870);
INSERT INTO "photo" VALUES('00000001-1-body','00000001-1','body','C01-H','photos/2022/01/01/00000001-1-body.jpg','d18a4e070a45599bdc97abad9828e9c8c9fe21055ea43a94c7685aea8c1e5827',516,1640966414870);
INSERT INTO "photo" VALUES('00000001-2-head','00000001-2','head','C01-H','photos/2022/01/01/00000001-2-head.jpg','ed73a03bb5e03499110faef0fed5d1ed39b1acd11add8ead850ea9dfb71147c1',516,1640966619030);
INSERT INTO "photo" VALUES('00000001-2-body','00000001-2','body','C01-H','photos/2022/01/01/00000001-2-body.jpg','c494fedf9c90a04fca2a0cd3182d4c0c86c426e1f7a8ce97dd49157d90c3b92d',516,1640966619030);
INSERT INTO "photo" VALUES('00000001-3-head','00000001-3','head','C01-H','photos/2022/01/01/00000001-3-head.jpg','03a3edbeba6383fab3c91df27bc3f6bdc45f7b5fe8461642a2d88f6ae4e81c5a',516,1640967036538);
INSERT INTO "photo" VALUES('00000001-3-body','00000001-3','body','C01-H','photos/2022/01/01/00000001-3-body.jpg','71118d484cde1d9c37d5d6e61e354960137872838317068a49bb5b0c7930b93d',516,1640967036538);
INSERT INTO "photo" VALUES('00000001-4-head','00000001-4','head','C01-H','photos/2022/01/01/00000001-4-head.jpg','9ec8c86a6065c1aae36e9dc091df56fa1e30cf2ced5da6747df64e2b4eb763c2',516,1640967486207);
INSERT INTO "photo" VALUES('00000001-4-body','00000001-4','body','C01-H','photos/2022/01/01/00000001-4-body.jpg','593ce120ab07b00ed95687f3bfad0a0e35043100a866f14b820cf88052b56a56',516,1640967486207);
INSERT INTO "photo" VALUES('00000001-5-head','00000001-5','head','C01-H','photos/2022/01/01/00000001-5-head.jpg','3003a3bf7fc1fa3d2e12100245c35180ea0e0d15b0f3e625445896aa62c5851d',516,1640968017725);
INSERT INTO "photo" VALUES('00000001-5-body','00000001-5','body','C01-H','photos/2022/01/01/00000001-5-body.jpg','70e1de9edc6b094a3163fd89accd680135d59eaec4db435cc3d0213719954e2f',516,1640968017725);
INSERT INTO "photo" VALUES('00000001-6-head','00000001-6','head','C01-H','photos/2022/01/01/00000001-6-head.jpg','202b691349aa28e0d40d0ddb9fe24a4d63fcd2fcf2183c0cc53ecd1854881fb7',516,1640968075064);
INSERT INTO "photo" VALUES('00000001-6-body','00000001-6','body','C01-H','photos/2022/01/01/00000001-6-body.jpg','9a25229703348cec2fcb4d66c99afa134244b2d83ea6d785d491b4b560dd406f',516,1640968075064);
INSERT INTO "photo" VALUES('00000001-7-head','00000001-7','head','C01-H','photos/2022/01/01/00000001-7-head.jpg','0c32629cbbbf19edf3ed48669a5e8f543733552be6d9a7203dadf7346143f5e6',516,1640968121720);
INSERT INTO "photo" VALUES('00000001-7-body','00000001-7','body','C01-H','photos/2022/01/01/00000001-7-body.jpg','d1eefc5ca77a07ed07c37f5d320a3ca335f803c6f4d40e782a2397c7c503f126',516,1640968121720);
INSERT INTO "photo" VALUES('00000001-8-head','00000001-8','head','C01-H','photos/2022/01/01/00000001-8-head.jpg','bd4438dd73f18f1a14530e4d28b5dcbb2eb78af101d22e14d37135a36df5483f',516,1640968603608);
INSERT INTO "photo" VALUES('00000001-8-body','00000001-8','body','C01-H','photos/2022/01/01/00000001-8-body.jpg','7db14eac8d87f46893f57a3075ecaf2cb7095d2aa0d3275a693ad5f976bb88f6',516,1640968603608);
CREATE TABLE plate_read (
  id integer primary key,
  pass_id text not null references pass,
  camera text not null,
  frame_at_ms integer not null,
  text text not null,
  plate_type text not null,
  confidence real not null,                      -- 0-1, lowest character
  model text not null,
  doc text not null
) strict;
INSERT INTO "plate_read" VALUES(1,'00000001-1','C01-H',1640966415170,'云F84169','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(2,'00000001-2','C01-H',1640966619330,'黔P50922D','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(3,'00000001-3','C01-H',1640967036838,'云T77385','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(4,'00000001-4','C01-H',1640967486507,'湘Z18251','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(5,'00000001-5','C01-H',1640968018025,'鄂M13646','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(6,'00000001-6','C01-H',1640968075364,'湘X84066','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(7,'00000001-7','C01-H',1640968122020,'黔P50922D','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
INSERT INTO "plate_read" VALUES(8,'00000001-8','C01-H',1640968603908,'贵Z08209','yellow_single',0.9,'test','{"char_confidences":[0.9,0.9,0.9,0.9,0.9,0.9,0.9],"corners":[[0,0],[90,0],[90,30],[0,30]],"detection":0.8,"rows":1,"type_confidence":0.9}');
CREATE TABLE setting (
  name text primary key,
  value text not null
) strict
;
CREATE TABLE upload_log (
  id integer primary key,
  at_ms integer not null,
  outbox_id integer not null references outbox,
  what text not null,                            -- sent | accepted | retry | parked
  code integer,
  message text not null default ''
) strict;
CREATE TABLE vehicle (
  plate_no text not null,
  plate_colour text not null,
  doc text not null,                             -- domain/vehicles.py Vehicle
  updated_at_ms integer not null,
  primary key (plate_no, plate_colour)
) strict, without rowid;
CREATE TABLE visit (
  visit_id text primary key,
  plate_no text not null,
  plate_colour text not null,
  in_pass text,
  out_pass text,
  time_in_ms integer,
  time_out_ms integer,
  state text not null check (state in ('inside', 'complete', 'unpaired', 'exit_missed'))
) strict;
INSERT INTO "visit" VALUES('V20220101-000001','云F84169','1','00000001-1',NULL,1640966414870,NULL,'inside');
INSERT INTO "visit" VALUES('V20220101-000003','云T77385','1','00000001-3',NULL,1640967036538,NULL,'inside');
INSERT INTO "visit" VALUES('V20220101-000004','湘Z18251','1','00000001-4',NULL,1640967486207,NULL,'inside');
INSERT INTO "visit" VALUES('V20220101-000005','鄂M13646','1','00000001-5',NULL,1640968017725,NULL,'inside');
INSERT INTO "visit" VALUES('V20220101-000006','湘X84066','1','00000001-6',NULL,1640968075064,NULL,'inside');
INSERT INTO "visit" VALUES('V20220101-000002','黔P50922D','6','00000001-2','00000001-7',1640966619030,1640968121720,'complete');
INSERT INTO "visit" VALUES('V20220101-000007','贵Z08209','1','00000001-8',NULL,1640968603608,NULL,'inside');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX entry_pass on entry (pass_id, seq);
CREATE INDEX pass_recent on pass (arrived_at_ms desc, pass_id);
CREATE INDEX pass_plate on pass (plate_no, arrived_at_ms desc);
CREATE INDEX pass_open on pass (lane, arrived_at_ms) where state <> 'closed';
CREATE INDEX lane_event_pass on lane_event (lane_pass);
CREATE INDEX plate_read_pass on plate_read (pass_id);
CREATE INDEX photo_pass on photo (pass_id);
CREATE INDEX command_pass on command (pass_id);
CREATE INDEX outbox_due on outbox (next_at_ms) where state in ('new', 'retry');
CREATE INDEX outbox_pass on outbox (pass_id);
CREATE INDEX visit_plate on visit (plate_no, plate_colour, time_in_ms);
CREATE INDEX over_limit_plate on over_limit (plate_no, plate_colour);
COMMIT;
