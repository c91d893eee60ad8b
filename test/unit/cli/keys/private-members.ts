import { createPrivateKey, type KeyObject } from "node:crypto";

/** Returns everything of private keys that no output may contain: the private members of a JWK, and lines of PEM. */
export function privateMembers(keys: readonly (string | KeyObject)[]): readonly string[] {
  return keys.flatMap((each) => {
    const key = typeof each === "string" ? createPrivateKey(each) : each;
    const { d, p, q, dp, dq, qi } = key.export({ format: "jwk" });
    const der = key.export({ type: "pkcs8", format: "der" });
    const base64 = der.toString("base64");
    return [d, p, q, dp, dq, qi, base64, der.toString("hex")].flatMap((text) => text ?? []);
  });
}
