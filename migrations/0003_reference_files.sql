CREATE TABLE `reference_files` (
	`sha256` text PRIMARY KEY NOT NULL,
	`extension` text NOT NULL,
	`bytes` integer NOT NULL,
	`key` text,
	`uri` text,
	CONSTRAINT "reference_files_extension" CHECK(extension in ('png', 'jpg', 'webp')),
	CONSTRAINT "reference_files_bytes" CHECK(bytes > 0),
	CONSTRAINT "reference_files_stored" CHECK((key is null) = (uri is null))
) STRICT;
--> statement-breakpoint
CREATE TABLE `reference_paths` (
	`path` text PRIMARY KEY NOT NULL,
	`sha256` text NOT NULL,
	`modified_at_ms` integer NOT NULL,
	FOREIGN KEY (`sha256`) REFERENCES `reference_files`(`sha256`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX `reference_paths_sha256` ON `reference_paths` (`sha256`);