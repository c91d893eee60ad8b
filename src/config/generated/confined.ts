// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

/** What a string of the config leads to. */
export type Confined = "command" | "file" | "host" | "identity" | "origin" | "resolver" | "sentinel" | "variable";

/** Where such strings are in a part of the config, all alternatives of the part together. */
export interface ConfinedPart {
  readonly kind?: Confined;
  readonly properties?: Readonly<Record<string, ConfinedPart>>;
  /** Items of a list. */
  readonly items?: ConfinedPart;
  /** Values of an object whose property names are the user's. */
  readonly values?: ConfinedPart;
  /** The same value is also one of these definitions. */
  readonly same?: readonly string[];
}

/** By the name of the definition; `""` is the config. */
export const confinedParts: Readonly<Record<string, ConfinedPart>> = {
  "": {
    "properties": {
      "defaults": {
        "same": [
          "defaults"
        ]
      },
      "store": {
        "same": [
          "store"
        ]
      },
      "network": {
        "same": [
          "network"
        ]
      },
      "keys": {
        "values": {
          "same": [
            "key"
          ]
        }
      },
      "clients": {
        "values": {
          "same": [
            "client"
          ]
        }
      },
      "servers": {
        "values": {
          "same": [
            "server"
          ]
        }
      }
    }
  },
  "url": {
    "kind": "origin"
  },
  "issuer": {
    "kind": "origin"
  },
  "secretReference": {
    "properties": {
      "env": {
        "kind": "variable"
      },
      "file": {
        "kind": "file"
      },
      "exec": {
        "kind": "command"
      },
      "githubActions": {
        "kind": "identity"
      },
      "resolver": {
        "kind": "resolver"
      }
    }
  },
  "headers": {
    "values": {
      "same": [
        "headerValue"
      ]
    }
  },
  "headerValue": {
    "same": [
      "secretReference"
    ]
  },
  "key": {
    "properties": {
      "privateKey": {
        "same": [
          "secretReference"
        ]
      },
      "passphrase": {
        "same": [
          "secretReference"
        ]
      },
      "signer": {
        "same": [
          "signer"
        ]
      },
      "certificate": {
        "same": [
          "secretReference"
        ]
      }
    }
  },
  "signer": {
    "properties": {
      "exec": {
        "kind": "command"
      },
      "name": {
        "kind": "resolver"
      }
    }
  },
  "keyOrName": {
    "same": [
      "key"
    ]
  },
  "client": {
    "properties": {
      "issuer": {
        "same": [
          "issuer"
        ]
      },
      "secret": {
        "same": [
          "secretReference"
        ]
      },
      "key": {
        "same": [
          "keyOrName"
        ]
      },
      "assertion": {
        "same": [
          "secretReference"
        ]
      },
      "certificate": {
        "same": [
          "certificate"
        ]
      },
      "metadata": {
        "same": [
          "metadata"
        ]
      }
    }
  },
  "certificate": {
    "properties": {
      "cert": {
        "same": [
          "secretReference"
        ]
      },
      "key": {
        "same": [
          "secretReference"
        ]
      },
      "passphrase": {
        "same": [
          "secretReference"
        ]
      }
    }
  },
  "metadata": {
    "properties": {
      "tokenEndpoint": {
        "same": [
          "url"
        ]
      },
      "mtlsTokenEndpoint": {
        "same": [
          "url"
        ]
      },
      "revocationEndpoint": {
        "same": [
          "url"
        ]
      }
    }
  },
  "clientOrName": {
    "same": [
      "client"
    ]
  },
  "clientOrIssuer": {
    "same": [
      "client"
    ]
  },
  "clientCredentialsGrant": {
    "properties": {
      "client": {
        "same": [
          "clientOrName"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      }
    }
  },
  "staticGrant": {
    "properties": {
      "token": {
        "same": [
          "secretReference"
        ]
      }
    }
  },
  "jwtBearerGrant": {
    "properties": {
      "client": {
        "same": [
          "clientOrIssuer"
        ]
      },
      "assertion": {
        "same": [
          "assertion"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      }
    }
  },
  "assertion": {
    "same": [
      "signedAssertion",
      "secretReference"
    ]
  },
  "signedAssertion": {
    "properties": {
      "key": {
        "same": [
          "keyOrName"
        ]
      }
    }
  },
  "tokenExchangeGrant": {
    "properties": {
      "client": {
        "same": [
          "clientOrName"
        ]
      },
      "subject": {
        "same": [
          "subject"
        ]
      },
      "actor": {
        "same": [
          "actor"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      }
    }
  },
  "subject": {
    "properties": {
      "token": {
        "same": [
          "subjectToken"
        ]
      }
    }
  },
  "subjectToken": {
    "same": [
      "secretReference"
    ]
  },
  "actor": {
    "properties": {
      "token": {
        "same": [
          "secretReference"
        ]
      }
    }
  },
  "enterpriseManagedGrant": {
    "properties": {
      "client": {
        "same": [
          "clientOrName"
        ]
      },
      "idp": {
        "same": [
          "identityProvider"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      }
    }
  },
  "refreshTokenGrant": {
    "properties": {
      "client": {
        "same": [
          "clientOrName"
        ]
      },
      "refreshToken": {
        "same": [
          "secretReference"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      }
    }
  },
  "identityProvider": {
    "properties": {
      "client": {
        "same": [
          "clientOrName"
        ]
      },
      "subject": {
        "same": [
          "subject"
        ]
      }
    }
  },
  "params": {
    "values": {
      "same": [
        "paramValue"
      ]
    }
  },
  "paramValue": {
    "same": [
      "secretReference"
    ]
  },
  "grant": {
    "properties": {
      "client": {
        "same": [
          "clientOrIssuer"
        ]
      },
      "assertion": {
        "same": [
          "assertion"
        ]
      },
      "subject": {
        "same": [
          "subject"
        ]
      },
      "actor": {
        "same": [
          "actor"
        ]
      },
      "idp": {
        "same": [
          "identityProvider"
        ]
      },
      "token": {
        "same": [
          "secretReference"
        ]
      },
      "params": {
        "same": [
          "params"
        ]
      },
      "refreshToken": {
        "same": [
          "secretReference"
        ]
      }
    },
    "same": [
      "clientCredentialsGrant",
      "jwtBearerGrant",
      "tokenExchangeGrant",
      "enterpriseManagedGrant",
      "refreshTokenGrant",
      "staticGrant"
    ]
  },
  "server": {
    "properties": {
      "url": {
        "same": [
          "url"
        ]
      },
      "grant": {
        "same": [
          "grant"
        ]
      },
      "dpop": {
        "same": [
          "dpop"
        ]
      },
      "headers": {
        "same": [
          "headers"
        ]
      }
    }
  },
  "dpop": {
    "same": [
      "dpopKey"
    ]
  },
  "dpopKey": {
    "properties": {
      "key": {
        "same": [
          "keyOrName"
        ]
      }
    }
  },
  "fileStore": {
    "properties": {
      "path": {
        "kind": "file"
      },
      "encryptionKey": {
        "same": [
          "encryptionKey"
        ]
      }
    }
  },
  "redisStore": {
    "properties": {
      "url": {
        "same": [
          "secretReference"
        ]
      },
      "sentinel": {
        "same": [
          "sentinel"
        ]
      },
      "cluster": {
        "items": {
          "kind": "origin"
        }
      },
      "encryptionKey": {
        "same": [
          "encryptionKey"
        ]
      }
    }
  },
  "sentinel": {
    "properties": {
      "nodes": {
        "items": {
          "kind": "sentinel"
        }
      }
    }
  },
  "encryptionKey": {
    "items": {
      "same": [
        "secretReference"
      ]
    },
    "same": [
      "secretReference"
    ]
  },
  "defaults": {
    "properties": {
      "headers": {
        "same": [
          "headers"
        ]
      }
    }
  },
  "store": {
    "same": [
      "fileStore",
      "redisStore"
    ]
  },
  "network": {
    "properties": {
      "proxy": {
        "kind": "origin"
      },
      "ca": {
        "kind": "file"
      },
      "allowInsecureHttp": {
        "items": {
          "kind": "host"
        }
      }
    }
  }
};
