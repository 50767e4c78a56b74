/** Columns of an image `i` of job `j`, of a prompt `t`, scored `m.score`, as rows have them: name and SQL. */
const IMAGE: readonly (readonly [name: string, value: string])[] = [
  ["uri", "(select store_uri from dataset) || '/' || i.key"],
  ["seed", "cast(j.seed as integer)"],
  ["batch_index", "i.batch_index"],
  ["image_id", "i.image_id"],
  ["sha256", "i.sha256"],
  ["width", "coalesce(n.width, i.width)"],
  ["height", "coalesce(n.height, i.height)"],
  ["variant", "j.variant"],
  ["model", "v.model"],
  ["params", "json_object('prompt', t.sent)"],
  ["score", "round(m.score, 6)"],
  ["scores", "(select json_group_object(s.judge, round(s.score, 6)) from scores as s where s.image_id = i.image_id)"],
];

/** What follows the images of a row `p`. */
const ROW: readonly (readonly [name: string, value: string])[] = [
  ["prompt_key", "p.prompt_key"],
  ["negative_prompt", "t.negative"],
  ["criterion", "p.criterion"],
  ["source", "p.source"],
  ["margin", "round(p.margin, 6)"],
  ["agreement", "round(p.agreement, 6)"],
  ["n_votes", "p.n_votes"],
  ["n_candidates", "p.n_candidates"],
  ["meta", "t.meta"],
];

const TABLES = `cross join images as i on i.image_id = m.image_id cross join jobs as j on j.job = i.job
  cross join variants as v on v.variant = j.variant left join inspections as n on n.image_id = i.image_id`;

const pairs = (columns: typeof IMAGE): string => columns.map(([name, value]) => `'${name}', ${value}`).join(", ");
const named = (columns: typeof IMAGE): string => columns.map(([name, value]) => `${value} as ${name}`).join(", ");

/**
 * The default table by the sqlite3 shell's own JSON functions: a nested line a row, by id. Right for the project of this benchmark, whose
 * prompts have no bound values and no kept columns.
 */
export const SHELL_ROWS = `select json_object('id', p.row_id, 'prompt', t.prompt,
  'chosen', json((select json_object(${pairs(IMAGE)}) from (select p.chosen as image_id, p.chosen_score as score) as m ${TABLES})),
  'rejected', json((select json_group_array(json(cell)) from (select json_object(${pairs(IMAGE)}) as cell from preference_rejected as m
    ${TABLES} where m.place = p.place order by m.rank))), ${pairs(ROW)})
from preferences as p cross join prompts as t on t.prompt_key = p.prompt_key where p.pair_set = 'main' order by p.row_id;`;

const flatOf = (members: string): string =>
  `select p.row_id as id, m.rank, t.prompt, ${named(IMAGE)}, ${named(ROW)} from preferences as p
  cross join prompts as t on t.prompt_key = p.prompt_key cross join ${members} ${TABLES} where p.pair_set = 'main'`;

/** The same, flat: a line an image, the chosen with rank -1. */
export const FLAT_ROWS = `${flatOf("(select place, chosen as image_id, chosen_score as score, -1 as rank from preferences) as m on m.place = p.place")}
union all ${flatOf("preference_rejected as m on m.place = p.place")};`;
