DROP VIEW `image_index`;
--> statement-breakpoint
DROP VIEW `counted_votes`;
--> statement-breakpoint
ALTER TABLE `jobs` RENAME COLUMN "aside" TO "inactive";--> statement-breakpoint
CREATE TABLE `server_epochs` (
	`epoch` text PRIMARY KEY NOT NULL,
	`comfyui` text NOT NULL,
	`pytorch` text NOT NULL,
	`python` text NOT NULL,
	`device` text NOT NULL,
	`arguments` text NOT NULL,
	`first_seen_at_ms` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `__new_reference_files` (
	`sha256` text PRIMARY KEY NOT NULL,
	`extension` text NOT NULL,
	`bytes` integer NOT NULL,
	`key` text,
	CONSTRAINT "reference_files_extension" CHECK(extension in ('png', 'jpg', 'webp')),
	CONSTRAINT "reference_files_bytes" CHECK(bytes > 0)
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_reference_files`("sha256", "extension", "bytes", "key") SELECT "sha256", "extension", "bytes", "key" FROM `reference_files` ORDER BY rowid;--> statement-breakpoint
DROP TABLE `reference_files`;--> statement-breakpoint
ALTER TABLE `__new_reference_files` RENAME TO `reference_files`;--> statement-breakpoint
CREATE TABLE `__new_variants` (
	`variant` text PRIMARY KEY NOT NULL,
	`workflow` text NOT NULL,
	`workflow_sha256` text NOT NULL,
	`graph` text NOT NULL,
	`wrapper` text DEFAULT '{}' NOT NULL,
	`bindings` text NOT NULL,
	`outputs` text NOT NULL,
	`params` text DEFAULT '{}' NOT NULL,
	`loader_signature` text DEFAULT '' NOT NULL,
	`model` text DEFAULT '' NOT NULL,
	`state` text DEFAULT 'active' NOT NULL,
	`reason` text,
	`has_worked` integer DEFAULT 0 NOT NULL,
	CONSTRAINT "variants_state" CHECK(state in ('active', 'quarantined', 'paused', 'inactive'))
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_variants`("variant", "workflow", "workflow_sha256", "graph", "wrapper", "bindings", "outputs", "params", "loader_signature", "model", "state", "reason", "has_worked") SELECT "variant", "workflow", "workflow_sha256", "graph", without_extra_data("wrapper"), "bindings", "outputs", "params", "loader_signature", "model", iif("state" = 'aside', 'inactive', "state"), "reason", "has_worked" FROM `variants` ORDER BY rowid;--> statement-breakpoint
DROP TABLE `variants`;--> statement-breakpoint
ALTER TABLE `__new_variants` RENAME TO `variants`;--> statement-breakpoint
CREATE TABLE `__new_job_failures` (
	`job` text NOT NULL,
	`prompt_key` text NOT NULL,
	`variant` text NOT NULL,
	`server` text NOT NULL,
	`attempt` integer NOT NULL,
	`reason` text NOT NULL,
	`detail` text NOT NULL,
	`state` text NOT NULL,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`job`, `attempt`),
	FOREIGN KEY (`job`) REFERENCES `jobs`(`job`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "job_failures_state" CHECK(state in ('open', 'counted', 'forgiven'))
) STRICT;
--> statement-breakpoint
INSERT OR IGNORE INTO `__new_job_failures`("job", "prompt_key", "variant", "server", "attempt", "reason", "detail", "state", "at_ms") SELECT "job", "prompt_key", "variant", "server", "attempt", "reason", "detail", "state", "at_ms" FROM `job_failures` ORDER BY "id" DESC;--> statement-breakpoint
DROP TABLE `job_failures`;--> statement-breakpoint
ALTER TABLE `__new_job_failures` RENAME TO `job_failures`;--> statement-breakpoint
CREATE INDEX `job_failures_server_state` ON `job_failures` (`server`,`state`);--> statement-breakpoint
CREATE TABLE `__new_exports` (
	`place` text NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`kind` text,
	`content_sha256` text,
	`rows` integer,
	`created_at_ms` integer NOT NULL,
	PRIMARY KEY(`place`, `version`),
	CONSTRAINT "exports_state" CHECK(state in ('writing', 'complete')),
	CONSTRAINT "exports_kind" CHECK(kind in ('whole', 'trial', 'part'))
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_exports`("place", "version", "state", "kind", "content_sha256", "rows", "created_at_ms") SELECT export_place("uri", "version"), "version", "state", NULL, NULL, "rows", "created_at_ms" FROM `exports` WHERE true ORDER BY "created_at_ms" ON CONFLICT DO UPDATE SET "state" = excluded."state", "rows" = excluded."rows", "created_at_ms" = excluded."created_at_ms";--> statement-breakpoint
DROP TABLE `exports`;--> statement-breakpoint
ALTER TABLE `__new_exports` RENAME TO `exports`;--> statement-breakpoint
CREATE TABLE `__new_scores` (
	`image_id` text NOT NULL,
	`judge` text NOT NULL,
	`version` text NOT NULL,
	`prompt_key` text NOT NULL,
	`criterion` text DEFAULT '' NOT NULL,
	`score` real,
	`sigma` real,
	`raw` text,
	PRIMARY KEY(`image_id`, `judge`, `version`, `criterion`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_scores`("image_id", "judge", "version", "prompt_key", "criterion", "score", "sigma", "raw") SELECT "image_id", "judge", "version", "prompt_key", '', "score", "sigma", "raw" FROM `scores` ORDER BY rowid;--> statement-breakpoint
DROP TABLE `scores`;--> statement-breakpoint
ALTER TABLE `__new_scores` RENAME TO `scores`;--> statement-breakpoint
CREATE INDEX `scores_prompt` ON `scores` (`prompt_key`);--> statement-breakpoint
CREATE TABLE `__new_dataset` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`dataset_id` text NOT NULL,
	`prompt_id_namespace` text NOT NULL,
	`defaults` integer DEFAULT 0 NOT NULL,
	`config` text,
	`store_uri` text,
	`base_seed` text,
	`plan_fingerprint` text,
	`plan_partial` integer DEFAULT 0 NOT NULL,
	`splits` text,
	`created_at_ms` integer NOT NULL
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_dataset`("id", "name", "dataset_id", "prompt_id_namespace", "defaults", "config", "store_uri", "base_seed", "plan_fingerprint", "plan_partial", "splits", "created_at_ms") SELECT "id", "name", "dataset_id", "dataset_id", 0, "config", "store_uri", "base_seed", "plan_fingerprint", "plan_partial", "splits", "created_at_ms" FROM `dataset`;--> statement-breakpoint
DROP TABLE `dataset`;--> statement-breakpoint
ALTER TABLE `__new_dataset` RENAME TO `dataset`;--> statement-breakpoint
ALTER TABLE `images` ADD `generation` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `images` ADD `replaced` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `images` ADD `epoch` text REFERENCES server_epochs(epoch);--> statement-breakpoint
ALTER TABLE `images` DROP COLUMN `uri`;--> statement-breakpoint
ALTER TABLE `servers` ADD `epoch` text REFERENCES server_epochs(epoch);--> statement-breakpoint
ALTER TABLE `annotators` ADD `paused_at_ms` integer;--> statement-breakpoint
CREATE TABLE `__new_votes` (
	`vote_id` text PRIMARY KEY NOT NULL,
	`prompt_key` text NOT NULL,
	`criterion` text NOT NULL,
	`annotator` text NOT NULL,
	`shown` text NOT NULL,
	`ranking` text NOT NULL,
	`kind` text NOT NULL,
	`flags` text DEFAULT '{}' NOT NULL,
	`duration_ms` integer,
	`cast_at_ms` integer,
	`source` text NOT NULL,
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "votes_kind" CHECK(kind in ('choice', 'tie', 'both_bad', 'skip')),
	CONSTRAINT "votes_duration" CHECK(duration_ms between 0 and 86400000)
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_votes`("vote_id", "prompt_key", "criterion", "annotator", "shown", "ranking", "kind", "flags", "duration_ms", "cast_at_ms", "source") SELECT "vote_id", "prompt_key", "criterion", "annotator", "shown", "ranking", "kind", "flags", iif("duration_ms" BETWEEN 0 AND 86400000, "duration_ms", NULL), "cast_at_ms", "source" FROM `votes` ORDER BY rowid;--> statement-breakpoint
DROP TABLE `votes`;--> statement-breakpoint
ALTER TABLE `__new_votes` RENAME TO `votes`;--> statement-breakpoint
CREATE INDEX `votes_prompt` ON `votes` (`prompt_key`);
--> statement-breakpoint
CREATE VIEW `counted_votes` AS
SELECT votes.* FROM votes
WHERE NOT EXISTS (
	SELECT 1 FROM page_votes WHERE page_votes.vote_id = votes.vote_id AND (page_votes.undone_at_ms IS NOT NULL OR page_votes.purpose <> 'task')
) AND NOT EXISTS (
	SELECT 1 FROM annotators WHERE annotators.name = votes.annotator AND annotators.excluded_at_ms IS NOT NULL
);
--> statement-breakpoint
CREATE VIEW `image_index` AS
SELECT
	images.image_id, images.prompt_id, jobs.seed, images.filename, images.subfolder, images.type, images.server,
	images.node_id, images.batch_index, images.prompt_key, prompts.source_id, prompts.prompt, prompts.negative,
	jobs.variant, variants.model AS model, images.attempt, images.state, images.reason,
	(SELECT store_uri FROM dataset) || '/' || images.key AS uri, images.sha256, images.bytes, images.width, images.height,
	strftime('%Y-%m-%dT%H:%M:%fZ', images.stored_at_ms / 1000.0, 'unixepoch') AS stored_at,
	images.generation, images.epoch, server_epochs.comfyui, server_epochs.pytorch, server_epochs.python, server_epochs.device
FROM images
JOIN jobs ON jobs.job = images.job
JOIN prompts ON prompts.prompt_key = images.prompt_key
JOIN variants ON variants.variant = jobs.variant
LEFT JOIN server_epochs ON server_epochs.epoch = images.epoch;
