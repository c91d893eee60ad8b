import { builtIn } from "./scripts/fuse.mjs";

// Imports flow one way, static and dynamic ones and those of types alike. `lower` holds what a room may import beside
// itself, errors and lib; what those rooms may import is included.
const lower = {
  errors: [],
  lib: ["errors"],
  config: [],
  net: [],
  secrets: ["net"],
  keys: ["net", "secrets"],
  dpop: ["keys", "net"],
  discovery: ["keys", "net", "dpop"],
  diagnosis: ["discovery", "net"],
  oauth: ["diagnosis", "discovery", "dpop", "keys", "secrets"],
  stores: [],
  tokens: ["oauth", "stores"],
  sharing: ["tokens", "stores"],
  http: ["tokens", "discovery", "dpop", "net"],
  schedule: [],
  runtime: [
    "config",
    "net",
    "secrets",
    "keys",
    "dpop",
    "discovery",
    "oauth",
    "stores",
    "tokens",
    "sharing",
    "diagnosis",
    "http",
    "schedule",
  ],
};

/** Those of a room and of all rooms below it. */
function below(room) {
  return [...new Set([room, ...lower[room].flatMap(below)])];
}

// These two hold types alone (scripts/check-imports.mjs makes sure), which any room above the config may know.
const configTypes = ["^src/config/spec[.]ts$", "^src/config/generated/types[.]ts$"];
const publicApi = "^src/index[.]ts$";

function rooms(names) {
  return `^src/(${[...new Set(names)].join("|")})/`;
}

function onlyFrom(name, from, to) {
  return {
    name,
    severity: "error",
    comment: "Imports flow one way: see the table in .dependency-cruiser.mjs.",
    from: { path: from },
    to: { path: "^src/", pathNot: to },
  };
}

const outside = ["hosts", "proxy", "register", "testing", "cli"];

export default {
  forbidden: [
    ...Object.keys(lower).map((room) =>
      onlyFrom(`room-${room}`, rooms([room]), [
        room === "errors" ? rooms(["errors"]) : rooms(["errors", "lib", ...below(room)]),
        ...(["errors", "lib", "config"].includes(room) ? [] : configTypes),
      ]),
    ),
    ...["hosts", "proxy", "testing"].map((room) =>
      onlyFrom(`room-${room}`, `^src/${room}(/|[.]ts$)`, [
        // What users test their own store against is the one that our own are tested against.
        rooms(["errors", "lib", room, ...(room === "testing" ? ["stores"] : [])]),
        `^src/${room}[.]ts$`,
        publicApi,
        "^src/runtime/manager-internals[.]ts$",
        ...configTypes,
      ]),
    ),
    onlyFrom("room-cli", "^src/cli(/|[.]ts$)", [
      rooms(["errors", "lib", "cli", "config", ...below("keys"), ...below("discovery")]),
      publicApi,
      "^src/runtime/manager-internals[.]ts$",
    ]),
    onlyFrom("room-register", "^src/register(/|[.]ts$)", [
      rooms(["errors", "lib", "register", "config", ...below("http")]),
      "^src/runtime/(manager-internals|create-mcp-auth|runtime|mcp-auth|token-manager)[.]ts$",
    ]),
    onlyFrom("public-api", publicApi, [rooms([...Object.keys(lower)])]),
    {
      name: "known-room",
      severity: "error",
      comment: "A new room needs its line in the table.",
      from: {
        path: "^src/",
        pathNot: [rooms([...Object.keys(lower), ...outside]), publicApi, "^src/(cli|register|testing)[.]ts$"],
      },
      to: {},
    },
    { name: "no-cycle", severity: "error", from: { path: "^src/" }, to: { circular: true } },
    {
      name: "only-run-time-dependencies",
      severity: "error",
      comment: "What src imports is installed with the package.",
      from: { path: "^src/" },
      to: {
        // The optional peer, which is a development dependency too so that the tests have it; and what the build puts in.
        pathNot: `(^|/)node_modules/(${["redis", ...builtIn].join("|")})/`,
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "npm-optional", "npm-peer", "npm-bundled"],
      },
    },
    {
      name: "only-src",
      severity: "error",
      comment: "src stands alone.",
      from: { path: "^src/" },
      to: { dependencyTypes: ["local"], pathNot: ["^src/"] },
    },
    { name: "resolvable", severity: "error", from: { path: "^src/" }, to: { couldNotResolve: true } },
    {
      name: "no-deprecated-core",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["deprecated"] },
    },
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser could parse with; without a parser it would find nothing and pass.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
