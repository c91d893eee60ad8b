import { generateKeyPairSync } from "node:crypto";

/** Created once, because an RSA key takes long. */
export const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
