/**
 * Words in the explanation of a server, and the findings that they point to. The explanation only moves one of our own
 * findings to the front, and only if that finding was possible anyway.
 */
const clues: ReadonlyArray<readonly [RegExp, readonly string[]]> = [
  // Ory Hydra says "unsupported authentication method" with every rejected client, so that does not count.
  [/\bclient_secret_(basic|post)\b|\bmethod mismatch\b|\bauthentication_method\b/i, ["other_secret_method"]],
  [/\baud(ience)?s?\b/i, ["assertion_audience", "signed_assertion"]],
  [/\btyp\b/i, ["assertion_header"]],
  [/\balg(orithm)?s?\b/i, ["assertion_header"]],
  [/\bkid\b|\bjwks?\b|\bsignature|\bpublic key/i, ["key_not_registered", "signed_assertion"]],
  [
    /\bscopes?\b/i,
    ["scopes_of_config", "scopes_of_metadata", "scopes_of_challenge", "scopes_of_call", "no_scope"],
  ],
  [/\bresource\b|\baudience\b/i, ["parameters"]],
  [/\bgrant[ _-]types?\b/i, ["grant_not_allowed"]],
  [/\bnot found\b|\bunknown client\b|\bno such client\b|\bsecret\b/i, ["client_secret"]],
];

/** Returns the ids of the findings that an explanation points to, the best clue first. */
export function cluesIn(explanation: string | undefined): readonly string[] {
  if (explanation === undefined) return [];
  // Long texts of a server are not searched to the end.
  const text = explanation.slice(0, 500);
  return clues.flatMap(([pattern, ids]) => (pattern.test(text) ? ids : []));
}
