CREATE TABLE `annotators` (
	`annotator_id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text DEFAULT 'annotator' NOT NULL,
	`token_sha256` text,
	`created_at_ms` integer NOT NULL,
	`seen_at_ms` integer,
	`excluded_at_ms` integer,
	`forgotten_at_ms` integer,
	CONSTRAINT "annotators_role" CHECK(role in ('annotator', 'lead'))
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `annotators_name_unique` ON `annotators` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `annotators_token_sha256_unique` ON `annotators` (`token_sha256`);--> statement-breakpoint
CREATE TABLE `assignments` (
	`task_id` text PRIMARY KEY NOT NULL,
	`comparison` integer NOT NULL,
	`annotator_id` integer NOT NULL,
	`purpose` text NOT NULL,
	`shown` text NOT NULL,
	`state` text NOT NULL,
	`leased_until_ms` integer NOT NULL,
	FOREIGN KEY (`comparison`) REFERENCES `comparisons`(`comparison`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`annotator_id`) REFERENCES `annotators`(`annotator_id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "assignments_purpose" CHECK(purpose in ('task', 'gold', 'repeat')),
	CONSTRAINT "assignments_state" CHECK(state in ('leased', 'answered'))
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `assignments_person` ON `assignments` (`annotator_id`,`comparison`,`purpose`);--> statement-breakpoint
CREATE INDEX `assignments_held` ON `assignments` (`annotator_id`,`state`);--> statement-breakpoint
CREATE INDEX `assignments_comparison` ON `assignments` (`comparison`,`state`);--> statement-breakpoint
CREATE TABLE `comparisons` (
	`comparison` integer PRIMARY KEY NOT NULL,
	`prompt_key` text NOT NULL,
	`criterion` text NOT NULL,
	`kind` text NOT NULL,
	`images` text NOT NULL,
	`expected` text,
	`state` text NOT NULL,
	`round` integer DEFAULT 1 NOT NULL,
	`answers` integer DEFAULT 0 NOT NULL,
	`wanted` integer NOT NULL,
	`criterion_rank` integer DEFAULT 0 NOT NULL,
	`priority` real NOT NULL,
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "comparisons_kind" CHECK(kind in ('task', 'gold')),
	CONSTRAINT "comparisons_state" CHECK(state in ('open', 'done', 'disputed', 'void', 'gold')),
	CONSTRAINT "comparisons_expected" CHECK((kind = 'gold') = (expected is not null))
) STRICT;
--> statement-breakpoint
CREATE INDEX `comparisons_next` ON `comparisons` (`state`,`answers`,`criterion_rank`,`priority`,`comparison`,`wanted`);--> statement-breakpoint
CREATE UNIQUE INDEX `comparisons_images` ON `comparisons` (`prompt_key`,`criterion`,`kind`,`images`);--> statement-breakpoint
CREATE TABLE `page_prompts` (
	`prompt_key` text PRIMARY KEY NOT NULL,
	`rules` text NOT NULL,
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE TABLE `page_votes` (
	`vote_id` text PRIMARY KEY NOT NULL,
	`task_id` text NOT NULL,
	`comparison` integer NOT NULL,
	`annotator_id` integer NOT NULL,
	`purpose` text NOT NULL,
	`entry` text NOT NULL,
	`outcome` text NOT NULL,
	`received_at_ms` integer NOT NULL,
	`undone_at_ms` integer,
	FOREIGN KEY (`vote_id`) REFERENCES `votes`(`vote_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`task_id`) REFERENCES `assignments`(`task_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`comparison`) REFERENCES `comparisons`(`comparison`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`annotator_id`) REFERENCES `annotators`(`annotator_id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "page_votes_purpose" CHECK(purpose in ('task', 'gold', 'repeat'))
) STRICT;
--> statement-breakpoint
CREATE INDEX `page_votes_annotator` ON `page_votes` (`annotator_id`,`undone_at_ms`,`received_at_ms`);--> statement-breakpoint
CREATE INDEX `page_votes_comparison` ON `page_votes` (`comparison`);--> statement-breakpoint
CREATE INDEX `page_votes_task` ON `page_votes` (`task_id`);
--> statement-breakpoint
CREATE VIEW `counted_votes` AS
SELECT votes.* FROM votes
WHERE NOT EXISTS (
	SELECT 1 FROM page_votes WHERE page_votes.vote_id = votes.vote_id AND (page_votes.undone_at_ms IS NOT NULL OR page_votes.purpose <> 'task')
) AND NOT EXISTS (
	SELECT 1 FROM annotators WHERE annotators.name = votes.annotator AND annotators.excluded_at_ms IS NOT NULL
);
