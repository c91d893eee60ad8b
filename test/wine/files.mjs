const links = "Wine has no symbolic links";
const slashes = "expects / in paths";
const modes = "Windows has no modes";

/** What runs under Wine. */
export const files = [
  "test/wine/program.test.mjs",
  "test/unit/config/find.test.ts",
  "test/unit/config/file-system.test.ts",
  "test/unit/lib/allow.test.ts",
  "test/unit/lib/path-inside.test.ts",
  "test/unit/lib/shell-quoted.test.ts",
  "test/unit/lib/unset-variable.test.ts",
  "test/unit/stores/file.test.ts",
  "test/unit/stores/file-lock.test.ts",
  "test/unit/stores/file-sweep.test.ts",
  "test/unit/stores/contract.test.ts",
  "test/unit/stores/durable-file.test.ts",
  "test/unit/cli/main.test.ts",
  "test/unit/cli/env-file.test.ts",
  "test/unit/cli/init/files.test.ts",
  "test/unit/cli/init/new-config.test.ts",
  "test/unit/cli/keys/generate.test.ts",
  "test/unit/cli/validate-machine.test.ts",
  "test/unit/cli/completion/complete.test.ts",
];

/** The tests in these files that do not apply, with the reason. */
export const notHere = {
  "test/unit/config/find.test.ts": {
    "the search for a config > the error names a file in a searched folder that is not read under its name: MCP-Auth.config.json":
      "Windows finds a file whatever the case of its name",
    "the search for a config > a config behind a symbolic link is found": links,
  },
  "test/unit/lib/allow.test.ts": {
    "files > a file is compared by its real path, with all links resolved": links,
    "files > a file is refused if a different one was opened under its path": links,
  },
  "test/unit/lib/unset-variable.test.ts": {
    "a .env file beside the config > a path with a space is quoted in the option":
      "expects the quotes of POSIX",
  },
  "test/unit/stores/file.test.ts": {
    "createFileStore > the file store gives access only to its owner": modes,
  },
  "test/unit/cli/init/files.test.ts": {
    "addToEnvExample > a link is not followed": links,
    "createFile > a new file can be read by others as umask allows, and nothing else is left": modes,
    "createFile > a link that is there is never replaced or followed": links,
  },
  "test/unit/cli/keys/generate.test.ts": {
    "keys generate > warns if git would add the file, and not if it is ignored": "git is not installed there",
  },
  "test/unit/cli/validate-machine.test.ts": {
    "the folder of a store > a file in place of the folder is a mistake with its path and the error": slashes,
    "the folder of a store > a file in place of a folder above it is a mistake that names the file": slashes,
    "the folder of a store > a link that leads to nothing is a mistake": links,
    "the files of network.ca > a file that is empty is a mistake": slashes,
    "the files of network.ca > a file that is a private key is a mistake": slashes,
    "the files of network.ca > a file that is damaged is a mistake": slashes,
    "the files of network.ca > a missing file is a mistake at its place in the list": slashes,
    "the files of network.ca > a certificate in DER is no mistake, and PKCS #7 is one with the command that converts it":
      slashes,
  },
};
