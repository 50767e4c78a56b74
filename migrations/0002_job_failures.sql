CREATE TABLE `job_failures` (
	`id` integer PRIMARY KEY NOT NULL,
	`job` text NOT NULL,
	`prompt_key` text NOT NULL,
	`variant` text NOT NULL,
	`server` text NOT NULL,
	`attempt` integer NOT NULL,
	`reason` text NOT NULL,
	`detail` text NOT NULL,
	`state` text NOT NULL,
	`at_ms` integer NOT NULL,
	FOREIGN KEY (`job`) REFERENCES `jobs`(`job`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "job_failures_state" CHECK(state in ('open', 'counted', 'forgiven'))
) STRICT;
--> statement-breakpoint
CREATE INDEX `job_failures_job` ON `job_failures` (`job`);--> statement-breakpoint
CREATE INDEX `job_failures_server_state` ON `job_failures` (`server`,`state`);--> statement-breakpoint
ALTER TABLE `servers` ADD `wanted` text DEFAULT 'run' NOT NULL CONSTRAINT "servers_wanted" CHECK(wanted in ('run', 'drain'));--> statement-breakpoint
ALTER TABLE `servers` ADD `model` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `has_worked` integer DEFAULT 0 NOT NULL;
