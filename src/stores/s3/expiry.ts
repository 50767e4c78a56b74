import type { LifecycleRule, S3Client } from "@aws-sdk/client-s3";
import { FatalError } from "../../errors.ts";
import { codeOf, statusOf, type S3Right } from "./errors.ts";
import { EXPIRY_TAG, type ExpiryRule, type ObjectExpiry } from "../object-store.ts";
import type { S3Place } from "./client.ts";

export interface S3ExpiryNeeds extends S3Place {
  readonly client: S3Client;
  readonly sdk: typeof import("@aws-sdk/client-s3");
  /** Runs one request under a deadline, its errors classed. */
  readonly request: <Answer>(
    call: (abortSignal: AbortSignal) => Promise<Answer>,
    about: { readonly doing: string; readonly right: S3Right; readonly signal?: AbortSignal | undefined },
  ) => Promise<Answer>;
}

/** Stores that call themselves S3-compatible and know no rules answer one of these. */
const UNSUPPORTED_STATUS: ReadonlySet<number | undefined> = new Set([405, 501]);
const UNSUPPORTED_CODES: ReadonlySet<string | undefined> = new Set(["NotImplemented", "MethodNotAllowed", "UnsupportedOperation"]);

/**
 * Our one rule among the bucket's: images below this prefix that bear our tag. S3 has no way to change one rule, so that all are read
 * and written back.
 */
export function s3Expiry({ client, sdk, bucket, prefix, request }: S3ExpiryNeeds): ObjectExpiry {
  const below = `${prefix}images/`;
  const ruleId = `comfy-dpo ${below}`;

  async function read(signal: AbortSignal | undefined) {
    const doing = `read the lifecycle rules of s3://${bucket}`;
    const input = { Bucket: bucket };
    return request(
      (abortSignal) =>
        client.send(new sdk.GetBucketLifecycleConfigurationCommand(input), { abortSignal }).catch((error: unknown) => {
          if (codeOf(error) === "NoSuchLifecycleConfiguration") return null;
          throw explained(error, doing);
        }),
      { doing, right: "s3:GetLifecycleConfiguration", signal },
    );
  }

  return {
    rules: async (signal) => ((await read(signal))?.Rules ?? []).map((rule) => ruleOf(rule, ruleId)),

    async setRule(days, signal) {
      const doing = `write the lifecycle rules of s3://${bucket}`;
      const before = await read(signal);
      const others = (before?.Rules ?? []).filter(({ ID }) => ID !== ruleId);
      const rules = days === null ? others : [...others, ourRule(ruleId, { below, days })];
      const minimumSize = before?.TransitionDefaultMinimumObjectSize;
      const send = async (abortSignal: AbortSignal): Promise<void> => {
        if (rules.length === 0) await client.send(new sdk.DeleteBucketLifecycleCommand({ Bucket: bucket }), { abortSignal });
        else {
          const input = {
            Bucket: bucket,
            LifecycleConfiguration: { Rules: rules },
            ...(minimumSize === undefined ? {} : { TransitionDefaultMinimumObjectSize: minimumSize }),
          };
          await client.send(new sdk.PutBucketLifecycleConfigurationCommand(input), { abortSignal });
        }
      };
      await request((abortSignal) => send(abortSignal).catch((error: unknown) => Promise.reject(explained(error, doing))), {
        doing,
        right: "s3:PutLifecycleConfiguration",
        signal,
      });
    },

    async mark(key, signal) {
      const doing = `tag s3://${bucket}/${prefix}${key}`;
      const at = { Bucket: bucket, Key: prefix + key };
      const send = async (abortSignal: AbortSignal): Promise<void> => {
        const { TagSet = [] } = await client.send(new sdk.GetObjectTaggingCommand(at), { abortSignal });
        const tags = [...TagSet.filter(({ Key }) => Key !== EXPIRY_TAG.key), { Key: EXPIRY_TAG.key, Value: EXPIRY_TAG.value }];
        await client.send(new sdk.PutObjectTaggingCommand({ ...at, Tagging: { TagSet: tags } }), { abortSignal });
      };
      await request(
        (abortSignal) =>
          send(abortSignal).catch((error: unknown) => {
            if (codeOf(error) !== "NoSuchKey") throw explained(error, doing);
          }),
        { doing, right: "s3:PutObjectTagging", signal },
      );
    },
  };
}

/** Runs a call, and says so in words if the store knows no rules or tags. */
function explained(error: unknown, doing: string): Error {
  if (UNSUPPORTED_STATUS.has(statusOf(error)) || UNSUPPORTED_CODES.has(codeOf(error))) {
    return new FatalError(`Cannot ${doing}: this store has no such thing`, { hint: "prune --yes deletes at once instead", cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

function ourRule(id: string, { below, days }: { readonly below: string; readonly days: number }): LifecycleRule {
  const tag = { Key: EXPIRY_TAG.key, Value: EXPIRY_TAG.value };
  return { ID: id, Status: "Enabled", Filter: { And: { Prefix: below, Tags: [tag] } }, Expiration: { Days: days } };
}

function ruleOf(rule: LifecycleRule, ourId: string): ExpiryRule {
  const { Filter: filter } = rule;
  const tags = filter?.And?.Tags ?? (filter?.Tag === undefined ? [] : [filter.Tag]);
  return {
    id: rule.ID ?? "",
    isEnabled: rule.Status === "Enabled",
    days: rule.Expiration?.Days ?? null,
    prefix: filter?.And?.Prefix ?? filter?.Prefix ?? "",
    tags: Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value])),
    isOurs: rule.ID === ourId,
  };
}
