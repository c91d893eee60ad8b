import type { Rejection } from "../facts.js";

/** What the explanation of a server can be about. */
export type Topic = keyof typeof clues;

/** Words in an explanation, and the findings that they point to. */
interface Clue {
  readonly words: RegExp;
  readonly ids: readonly string[];
  /** Whether the words leave no other cause. */
  readonly decides?: true;
}

const clues = {
  // Ory Hydra says "unsupported authentication method" with every rejected client, so that does not count.
  method: {
    words: /\bclient_secret_(basic|post)\b|\bmethod mismatch\b|\bauthentication_method\b/i,
    ids: ["other_secret_method"],
  },
  audience: {
    words: /\baud(ience)?s?\b/i,
    ids: ["assertion_audience", "signed_assertion"],
    decides: true,
  },
  type: { words: /\btyp\b/i, ids: ["assertion_header"], decides: true },
  algorithm: { words: /\balg(orithm)?s?\b/i, ids: ["assertion_header"], decides: true },
  key: {
    words: /\bkid\b|\bjwks?\b|\bsignature|\bpublic key/i,
    ids: ["key_not_registered", "signed_assertion"],
    decides: true,
  },
  // The secret, certificate or key of the client can expire too.
  expired: {
    words: /^(?!.*\b(secret|certificate|client|key)\b).*\bexpired\b/is,
    ids: ["subject_token", "user_assertion", "identity", "platform_token", "params"],
    decides: true,
  },
  actor: { words: /\bactor/i, ids: [] },
  scope: {
    words: /\bscopes?\b/i,
    ids: ["scopes_of_config", "scopes_of_metadata", "scopes_of_challenge", "scopes_of_call", "no_scope"],
    decides: true,
  },
  resource: { words: /\bresource\b|\baudience\b/i, ids: ["parameters"] },
  disabled: { words: /\bnot enabled\b|\bdisabled\b/i, ids: ["grant_not_allowed"], decides: true },
  grant: { words: /\bgrant[ _-]types?\b/i, ids: ["grant_not_allowed"], decides: true },
  client: {
    words: /\bnot found\b|\bunknown client\b|\bno such client\b|\bsecret\b/i,
    ids: ["client_secret"],
  },
} satisfies Readonly<Record<string, Clue>>;

/** Returns whether the explanation of a rejection is about a topic. */
export function isAbout({ explanation }: Pick<Rejection, "explanation">, topic: Topic): boolean {
  return clues[topic].words.test(searched(explanation));
}

/** A finding that an explanation points to. */
export interface PointedTo {
  readonly id: string;
  readonly decides: boolean;
}

/**
 * Returns the findings that an explanation points to, the best clue first. The explanation only moves one of our own
 * findings to the front, or leaves it alone there, and only if that finding was possible anyway.
 */
export function cluesIn(explanation: string | undefined): readonly PointedTo[] {
  if (explanation === undefined) return [];
  const text = searched(explanation);
  const all: readonly Clue[] = Object.values(clues);
  return all
    .filter(({ words }) => words.test(text))
    .flatMap(({ ids, decides = false }) => ids.map((id) => ({ id, decides })));
}

/** Long texts of a server are not searched to the end. */
function searched(explanation = ""): string {
  return explanation.slice(0, 500);
}
