-- One row for each image that a job listed, with what made it: for people who look into the database, and for other tools.
-- `uri` is null until the image is in the store. `stored_at` is in UTC. `reason` says why an image is rejected or excluded.
-- The columns of `server_epochs` are null for adopted images, and for those of earlier versions of the program.
-- The newest migration that makes it: migrations/0008_identities.sql. A test compares the two.
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
