CREATE TABLE `counters` (
	`name` text PRIMARY KEY NOT NULL,
	`value` integer DEFAULT 0 NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `dataset` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`dataset_id` text NOT NULL,
	`config` text,
	`store_uri` text,
	`base_seed` text,
	`plan_fingerprint` text,
	`splits` text,
	`created_at_ms` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `drops` (
	`pair_set` text NOT NULL,
	`prompt_key` text NOT NULL,
	`criterion` text NOT NULL,
	`unit` text NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`pair_set`, `prompt_key`, `criterion`, `unit`, `reason`),
	CONSTRAINT "drops_unit" CHECK(unit in ('image', 'pair', 'prompt'))
) STRICT;
--> statement-breakpoint
CREATE TABLE `exports` (
	`uri` text NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`content_sha256` text,
	`rows` integer,
	`created_at_ms` integer NOT NULL,
	PRIMARY KEY(`uri`, `version`),
	CONSTRAINT "exports_state" CHECK(state in ('writing', 'complete'))
) STRICT;
--> statement-breakpoint
CREATE TABLE `images` (
	`image_id` text PRIMARY KEY NOT NULL,
	`job` text NOT NULL,
	`prompt_key` text NOT NULL,
	`prompt_id` text NOT NULL,
	`server` text NOT NULL,
	`attempt` integer NOT NULL,
	`node_id` text NOT NULL,
	`batch_index` integer NOT NULL,
	`filename` text NOT NULL,
	`subfolder` text NOT NULL,
	`type` text NOT NULL,
	`state` text DEFAULT 'listed' NOT NULL,
	`reason` text,
	`detail` text,
	`bad_fetches` integer DEFAULT 0 NOT NULL,
	`key` text,
	`uri` text,
	`sha256` text,
	`bytes` integer,
	`format` text,
	`width` integer,
	`height` integer,
	`unproven` integer DEFAULT 0 NOT NULL,
	`stored_at_ms` integer,
	FOREIGN KEY (`job`) REFERENCES `jobs`(`job`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "images_state" CHECK(state in ('listed', 'stored', 'rejected', 'excluded')),
	CONSTRAINT "images_stored" CHECK(state <> 'stored' or (key is not null and sha256 is not null and bytes > 0)),
	CONSTRAINT "images_rejected" CHECK(state <> 'rejected' or reason is not null)
) STRICT;
--> statement-breakpoint
CREATE INDEX `images_state` ON `images` (`state`,`server`);--> statement-breakpoint
CREATE INDEX `images_job` ON `images` (`job`);--> statement-breakpoint
CREATE INDEX `images_prompt` ON `images` (`prompt_key`);--> statement-breakpoint
CREATE INDEX `images_sha256` ON `images` (`sha256`);--> statement-breakpoint
CREATE TABLE `inspections` (
	`image_id` text PRIMARY KEY NOT NULL,
	`pixel_sha256` text,
	`perceptual_hash` text,
	`width` integer,
	`height` integer,
	`luma_std` real,
	`sharpness` real,
	`entropy` real,
	`error` text,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE TABLE `jobs` (
	`job` text PRIMARY KEY NOT NULL,
	`prompt_key` text NOT NULL,
	`variant` text NOT NULL,
	`seed` text NOT NULL,
	`seed_index` integer NOT NULL,
	`position` integer NOT NULL,
	`state` text DEFAULT 'planned' NOT NULL,
	`aside` integer DEFAULT 0 NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`prompt_id` text,
	`server` text,
	`free_first` integer DEFAULT 0 NOT NULL,
	`reason` text,
	`detail` text,
	`history_deleted` integer DEFAULT 0 NOT NULL,
	`submitted_at_ms` integer,
	`finished_at_ms` integer,
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`variant`) REFERENCES `variants`(`variant`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "jobs_state" CHECK(state in ('planned', 'submitted', 'done', 'failed')),
	CONSTRAINT "jobs_seed" CHECK(seed not glob '*[^0-9]*' and length(seed) between 1 and 20),
	CONSTRAINT "jobs_reason" CHECK((state = 'failed') = (reason is not null))
) STRICT;
--> statement-breakpoint
CREATE INDEX `jobs_state_position` ON `jobs` (`state`,`aside`,`position`,`job`);--> statement-breakpoint
CREATE INDEX `jobs_prompt` ON `jobs` (`prompt_key`);--> statement-breakpoint
CREATE INDEX `jobs_server_state` ON `jobs` (`server`,`state`);--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_prompt_id` ON `jobs` (`prompt_id`);--> statement-breakpoint
CREATE TABLE `preference_rejected` (
	`pair_set` text NOT NULL,
	`row_id` text NOT NULL,
	`rank` integer NOT NULL,
	`image_id` text NOT NULL,
	`score` real,
	PRIMARY KEY(`pair_set`, `row_id`, `rank`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE TABLE `preferences` (
	`pair_set` text NOT NULL,
	`row_id` text NOT NULL,
	`prompt_key` text NOT NULL,
	`criterion` text NOT NULL,
	`chosen` text NOT NULL,
	`source` text NOT NULL,
	`margin` real,
	`agreement` real,
	`n_votes` integer NOT NULL,
	`n_candidates` integer NOT NULL,
	`chosen_score` real,
	PRIMARY KEY(`pair_set`, `row_id`),
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`chosen`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX `preferences_prompt` ON `preferences` (`prompt_key`);--> statement-breakpoint
CREATE TABLE `prompts` (
	`prompt_key` text PRIMARY KEY NOT NULL,
	`position` integer NOT NULL,
	`prompt` text NOT NULL,
	`sent` text NOT NULL,
	`negative` text DEFAULT '' NOT NULL,
	`bound` text DEFAULT '{}' NOT NULL,
	`reference_files` text DEFAULT '{}' NOT NULL,
	`source_id` text,
	`meta` text DEFAULT '{}' NOT NULL,
	`active` integer DEFAULT 1 NOT NULL,
	CONSTRAINT "prompts_active" CHECK(active in (0, 1))
) STRICT;
--> statement-breakpoint
CREATE INDEX `prompts_position` ON `prompts` (`position`);--> statement-breakpoint
CREATE TABLE `scores` (
	`image_id` text NOT NULL,
	`judge` text NOT NULL,
	`version` text NOT NULL,
	`prompt_key` text NOT NULL,
	`score` real,
	`sigma` real,
	`raw` text,
	PRIMARY KEY(`image_id`, `judge`, `version`),
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX `scores_prompt` ON `scores` (`prompt_key`);--> statement-breakpoint
CREATE TABLE `servers` (
	`url` text PRIMARY KEY NOT NULL,
	`state` text DEFAULT 'up' NOT NULL,
	`last_number` integer,
	`detail` text,
	`without_metadata` integer DEFAULT 0 NOT NULL,
	`seen_at_ms` integer,
	CONSTRAINT "servers_state" CHECK(state in ('up', 'down', 'latched', 'drained', 'removed'))
) STRICT;
--> statement-breakpoint
CREATE TABLE `variants` (
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
	CONSTRAINT "variants_state" CHECK(state in ('active', 'quarantined', 'aside'))
) STRICT;
--> statement-breakpoint
CREATE TABLE `votes` (
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
	CONSTRAINT "votes_kind" CHECK(kind in ('choice', 'tie', 'both_bad', 'skip'))
) STRICT;
--> statement-breakpoint
CREATE INDEX `votes_prompt` ON `votes` (`prompt_key`);--> statement-breakpoint
CREATE VIEW `image_index` AS
SELECT
	images.image_id, images.prompt_id, jobs.seed, images.filename, images.subfolder, images.type, images.server,
	images.node_id, images.batch_index, images.prompt_key, prompts.source_id, prompts.prompt, prompts.negative,
	jobs.variant, variants.model, images.attempt, images.state, images.reason, images.uri, images.sha256,
	images.bytes, images.width, images.height,
	strftime('%Y-%m-%dT%H:%M:%fZ', images.stored_at_ms / 1000.0, 'unixepoch') AS stored_at
FROM images
JOIN jobs ON jobs.job = images.job
JOIN prompts ON prompts.prompt_key = images.prompt_key
JOIN variants ON variants.variant = jobs.variant;
