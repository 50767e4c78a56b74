ALTER TABLE `preference_rejected` RENAME TO `__old_preference_rejected`;
--> statement-breakpoint
ALTER TABLE `preferences` RENAME TO `__old_preferences`;
--> statement-breakpoint
DROP INDEX `preferences_prompt`;
--> statement-breakpoint
CREATE TABLE `preferences` (
	`place` integer PRIMARY KEY NOT NULL,
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
	FOREIGN KEY (`prompt_key`) REFERENCES `prompts`(`prompt_key`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
INSERT INTO `preferences`("place", "pair_set", "row_id", "prompt_key", "criterion", "chosen", "source", "margin", "agreement", "n_votes", "n_candidates", "chosen_score") SELECT rowid, "pair_set", "row_id", "prompt_key", "criterion", "chosen", "source", "margin", "agreement", "n_votes", "n_candidates", "chosen_score" FROM `__old_preferences` ORDER BY rowid;--> statement-breakpoint
CREATE UNIQUE INDEX `preferences_prompt` ON `preferences` (`prompt_key`,`pair_set`,`row_id`);--> statement-breakpoint
CREATE TABLE `preference_rejected` (
	`place` integer NOT NULL,
	`rank` integer NOT NULL,
	`image_id` text NOT NULL,
	`score` real,
	PRIMARY KEY(`place`, `rank`),
	FOREIGN KEY (`place`) REFERENCES `preferences`(`place`) ON UPDATE no action ON DELETE cascade
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `preference_rejected`("place", "rank", "image_id", "score") SELECT own.rowid, lost."rank", lost."image_id", lost."score" FROM `__old_preferences` AS own CROSS JOIN `__old_preference_rejected` AS lost ON lost."pair_set" = own."pair_set" AND lost."row_id" = own."row_id" ORDER BY own.rowid, lost."rank";--> statement-breakpoint
DROP TABLE `__old_preference_rejected`;--> statement-breakpoint
DROP TABLE `__old_preferences`;
