"""Writes the rows of one flat Parquet file (a line an image) as nested JSON lines, by id. Arguments: flat.parquet out gzip|none.
With `prepare flat.csv flat.parquet` it makes that file."""

import sys

import duckdb

IMAGE = "uri, seed, batch_index, image_id, sha256, width, height, variant, model, params, score, scores"
ROW = "prompt_key, negative_prompt, criterion, source, margin, agreement, n_votes, n_candidates, meta"

first, second, third = sys.argv[1:4]
if first == "prepare":
    duckdb.sql(
        f"copy (select * from read_csv('{second}', header = true, types = {{'seed': 'BIGINT', 'negative_prompt': 'VARCHAR'}}, "
        f"force_not_null = ['negative_prompt', 'model'])) to '{third}' (format parquet)"
    )
else:
    packed = ", ".join(f"{name} := {name}" for name in IMAGE.split(", "))
    kept = ", ".join(f"any_value({name}) as {name}" for name in ROW.split(", "))
    duckdb.sql(
        f"copy (select id, prompt, images[1] as chosen, images[2:] as rejected, {ROW} from ("
        f"select id, any_value(prompt) as prompt, list(struct_pack({packed}) order by rank) as images, {kept} "
        f"from '{first}' group by id) order by id) to '{second}' (format json, compression {third})"
    )
