// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

/** One failed keyword of the schema. `data` may hold a secret: never show it. */
export interface SchemaError {
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
  /** Set when it is the name of this property that is wrong. */
  readonly propertyName?: string;
  readonly parentSchema?: {
    readonly title?: string;
    readonly errorMessage?: string;
    readonly patternErrorMessage?: string;
    readonly enum?: readonly unknown[];
    readonly properties?: object;
  };
  readonly data?: unknown;
}

declare const validate: {
  (data: unknown): boolean;
  errors?: readonly SchemaError[] | null;
};

export { validate, validate as default };
