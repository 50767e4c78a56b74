-- The votes that count. All votes stay in the table `votes`; this view leaves out
--   * votes that a person took back on the page,
--   * votes that the page asked for another reason than the task: to measure agreement, or with a known answer,
--   * all votes of annotators who are excluded (`annotate exclude NAME`).
-- The newest migration that makes it: migrations/0008_identities.sql. A test compares the two.
CREATE VIEW `counted_votes` AS
SELECT votes.* FROM votes
WHERE NOT EXISTS (
	SELECT 1 FROM page_votes WHERE page_votes.vote_id = votes.vote_id AND (page_votes.undone_at_ms IS NOT NULL OR page_votes.purpose <> 'task')
) AND NOT EXISTS (
	SELECT 1 FROM annotators WHERE annotators.name = votes.annotator AND annotators.excluded_at_ms IS NOT NULL
);
