CREATE TABLE `vote_pictures` (
	`vote_id` text NOT NULL,
	`image_id` text NOT NULL,
	`sha256` text NOT NULL,
	PRIMARY KEY(`vote_id`, `image_id`),
	FOREIGN KEY (`vote_id`) REFERENCES `votes`(`vote_id`) ON UPDATE no action ON DELETE cascade
) STRICT;
