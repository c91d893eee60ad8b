import type { confinedKinds, definitions, partTitles, referenceKinds } from "./generated/definitions.js";

/** The title of a definition that lists all properties which an object may have. */
export type DefinitionTitle = keyof typeof definitions;
export type PropertyOf<Title extends DefinitionTitle> = (typeof definitions)[Title]["properties"][number];

/** A property that says where a secret is. A reference has one of them. */
export type ReferenceKind = (typeof referenceKinds)[number];

/** The kinds of resources outside of the config that `allow` confines. */
export type Confined = (typeof confinedKinds)[number];

/** An error of the compiled validator: one keyword of the schema failed. `data` may hold a secret: never show it. */
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
  /** The part of the schema that has the keyword. */
  readonly parentSchema?: SchemaPart;
  readonly data?: unknown;
  /** Set if the error is about the name of this property. */
  readonly propertyName?: string;
}

/** The members of a part of the schema that error messages are built from. */
export interface SchemaPart {
  readonly title?: PartTitle;
  readonly errorMessage?: string;
  readonly patternErrorMessage?: string;
  readonly enum?: readonly unknown[];
}

export type PartTitle = (typeof partTitles)[number];
