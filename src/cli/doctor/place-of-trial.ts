import { type Change, type Json, type Path, toPointer, valueAt } from "../../config/json.js";
import type { PropertyTrial, Trial } from "../../errors/trial.js";

/**
 * Returns where a config has what a trial changes: inline, or under the name that the server's grant uses. Returns
 * `undefined` if it has no such part.
 */
export function changeOf(trial: Trial, config: Json, server: string): Change | undefined {
  const owner = ownerOf(trial, config, server);
  if (owner === undefined) return undefined;
  if (trial.place === "secret") return { path: [...owner, "secret"], value: cleanedSecret };
  return { path: [...owner, trial.property], value: trial.value };
}

/** The function that returns the secret without what was copied into it by mistake. */
export const cleanedSecretResolver = "doctor --try";
const cleanedSecret: Json = { resolver: cleanedSecretResolver, ref: "cleaned" };

function ownerOf(trial: Trial, config: Json, server: string): Path | undefined {
  const ofServer = ["servers", server];
  const grant = [...ofServer, "grant"];
  const client = () => named(config, "clients", [...grant, ...(trial.isAtIdp ? ["idp"] : []), "client"]);
  const assertion = () => {
    const path = [...grant, "assertion"];
    return valueAt(config, path) === undefined ? undefined : path;
  };
  const key = (holder: Path | undefined) => holder && named(config, "keys", [...holder, "key"]);
  const owners: Readonly<Record<PropertyTrial["place"] | "secret", () => Path | undefined>> = {
    server: () => ofServer,
    grant: () => grant,
    client,
    secret: client,
    key: () => key(client()),
    assertion,
    assertion_key: () => key([...grant, "assertion"]),
  };
  return owners[trial.place]();
}

/** Returns the path of a client or key: its own, or that of the one whose name stands there. */
function named(config: Json, section: "clients" | "keys", path: Path): Path | undefined {
  const value = valueAt(config, path);
  if (value === undefined) return undefined;
  return typeof value === "string" ? [section, value] : path;
}

/** Returns the other servers that the same change would affect, because they use the same client or key. */
export function alsoAffected(trial: Trial, config: Json, server: string): readonly string[] {
  const place = ownerOf(trial, config, server);
  if (place === undefined) return [];
  const servers = valueAt(config, ["servers"]);
  const isSame = (other: string) => toPointer(ownerOf(trial, config, other) ?? []) === toPointer(place);
  return Object.keys(servers ?? {}).filter((other) => other !== server && isSame(other));
}
