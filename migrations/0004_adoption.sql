CREATE TABLE `adopted_images` (
	`image_id` text PRIMARY KEY NOT NULL,
	`workflow_sha256` text,
	`params` text NOT NULL,
	`rank` text NOT NULL,
	`rules` text NOT NULL,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE TABLE `adopted_items` (
	`item` text PRIMARY KEY NOT NULL,
	`source` text NOT NULL,
	`fingerprint` text NOT NULL,
	`image_id` text,
	`reason` text,
	`detail` text,
	`run` integer NOT NULL,
	FOREIGN KEY (`image_id`) REFERENCES `images`(`image_id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "adopted_items_outcome" CHECK((image_id is null) = (reason is not null))
) STRICT;
--> statement-breakpoint
CREATE INDEX `adopted_items_reason` ON `adopted_items` (`reason`,`source`);--> statement-breakpoint
DROP VIEW `image_index`;
--> statement-breakpoint
CREATE TABLE `__new_jobs` (
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
	`adopted` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`variant`) REFERENCES `variants`(`variant`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "jobs_state" CHECK(state in ('planned', 'submitted', 'done', 'failed')),
	CONSTRAINT "jobs_seed" CHECK(seed = '-1' or (seed not glob '*[^0-9]*' and length(seed) between 1 and 20)),
	CONSTRAINT "jobs_reason" CHECK((state = 'failed') = (reason is not null))
) STRICT;
--> statement-breakpoint
INSERT INTO `__new_jobs`("job", "prompt_key", "variant", "seed", "seed_index", "position", "state", "aside", "attempt", "failures", "prompt_id", "server", "free_first", "reason", "detail", "history_deleted", "submitted_at_ms", "finished_at_ms") SELECT "job", "prompt_key", "variant", "seed", "seed_index", "position", "state", "aside", "attempt", "failures", "prompt_id", "server", "free_first", "reason", "detail", "history_deleted", "submitted_at_ms", "finished_at_ms" FROM `jobs`;--> statement-breakpoint
DROP TABLE `jobs`;--> statement-breakpoint
ALTER TABLE `__new_jobs` RENAME TO `jobs`;--> statement-breakpoint
CREATE INDEX `jobs_state_position` ON `jobs` (`state`,`aside`,`position`,`job`);--> statement-breakpoint
CREATE INDEX `jobs_prompt` ON `jobs` (`prompt_key`);--> statement-breakpoint
CREATE INDEX `jobs_server_state` ON `jobs` (`server`,`state`);--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_prompt_id` ON `jobs` (`prompt_id`);--> statement-breakpoint
ALTER TABLE `prompts` ADD `adopted` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
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
