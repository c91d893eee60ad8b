// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

/** One failed keyword of the schema. `data` may hold a secret: never show it. */
export interface FoundError {
  readonly keyword: string;
  /** JSON pointer into the document. */
  readonly instancePath: string;
  readonly params: {
    readonly additionalProperty?: string;
    readonly missingProperty?: string;
    readonly type?: string | readonly string[];
    readonly limit?: number;
    /** Indexes of two equal items, in no order. */
    readonly i?: number;
    readonly j?: number;
  };
  /** Index of the part of the schema in `schemaParts`. */
  readonly part: number;
  readonly data?: unknown;
  /** Set when it is the name of this property that is wrong. */
  readonly propertyName?: string;
}

declare const validate: {
  (data: unknown): boolean;
  errors?: readonly FoundError[] | null;
};

export { validate, validate as default };
