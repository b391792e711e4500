// Reads schema.graphql and src/operations/*.graphql, and writes src/generated/*.ts: each operation as text with the
// types of its variables and its result. An operation that the schema does not know ends the build.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  buildSchema, getNamedType, isEnumType, isInputObjectType, isListType, isNonNullType, isObjectType, isScalarType, Kind,
  parse, print, Source, stripIgnoredCharacters, typeFromAST, validate, visit,
} from "graphql";

const here = fileURLToPath(new URL("..", import.meta.url));
const folder = join(here, "src/operations");
const target = join(here, "src/generated");
const SCALARS = { ID: "string", String: "string", DateTime: "string", Boolean: "boolean", Int: "number", Float: "number" };
const HEAD = "// Written by tools/operations.mjs from schema.graphql; edit src/operations instead.\n";

const schema = buildSchema(readFileSync(join(here, "../../schema.graphql"), "utf8"));
const files = readdirSync(folder).filter(name => name.endsWith(".graphql")).sort();
const sources = files.map(name => ({ name: basename(name, ".graphql"), document: read(name) }));
const everything = { kind: Kind.DOCUMENT, definitions: sources.flatMap(source => source.document.definitions) };
const faults = validate(schema, everything);
if (faults.length) {
  for (const fault of faults) {
    const at = fault.locations?.[0];
    console.error(`${fault.nodes?.[0]?.loc?.source.name ?? "src/operations"}:${at?.line ?? 0}: ${fault.message}`);
  }
  process.exit(1);
}

const fragments = new Map(
  everything.definitions.filter(part => part.kind === Kind.FRAGMENT_DEFINITION).map(part => [part.name.value, part]),
);
const named = new Set();

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const { name, document } of sources) {
  const lines = document.definitions.map(part => (part.kind === Kind.OPERATION_DEFINITION ? operation(part) : fragment(part)));
  const own = new Set(document.definitions.filter(part => part.kind === Kind.FRAGMENT_DEFINITION).map(part => part.name.value));
  const body = lines.join("\n");
  const types = [...named].filter(type => new RegExp(`\\b${type}\\b`).test(body)).sort();
  const foreign = [...fragments.keys()].filter(type => !own.has(type) && new RegExp(`\\b${type}\\b`).test(body));
  const imports = [
    `import type { ${["Operation", ...types].join(", ")} } from "./schema.js";`,
    ...foreign.map(type => `import type { ${type} } from "./${sources.find(({ document: of }) =>
      of.definitions.some(part => part.kind === Kind.FRAGMENT_DEFINITION && part.name.value === type)).name}.js";`),
  ];
  writeFileSync(join(target, `${name}.ts`), `${HEAD}${imports.join("\n")}\n\n${body}`);
}
writeFileSync(join(target, "schema.ts"), `${HEAD}
/** An operation as the server takes it; the types are those of its variables and its result. */
export interface Operation<Result, Variables> {
  readonly name: string;
  readonly text: string;
  readonly types?: (variables: Variables) => Result;
}

${declarations()}`);

function read(name) {
  return parse(new Source(readFileSync(join(folder, name), "utf8"), `src/operations/${name}`));
}

function operation(part) {
  const root = schema.getRootType(part.operation);
  const variables = part.variableDefinitions.map(({ variable, type, defaultValue }) => {
    const of = typeFromAST(schema, type);
    const optional = !isNonNullType(of) || defaultValue;
    return `${variable.name.value}${optional ? "?" : ""}: ${inputType(of)}`;
  });
  const text = stripIgnoredCharacters([part, ...spreadIn(part)].map(print).join("\n"));
  const types = `${selection(part.selectionSet, root)}, ${variables.length ? `{ ${variables.join("; ")} }` : "Record<string, never>"}`;
  return `export const ${part.name.value}: Operation<${types}> = {\n  name: "${part.name.value}",\n  text: ${JSON.stringify(text)},\n};\n`;
}

function fragment(part) {
  const type = schema.getType(part.typeCondition.name.value);
  return `export type ${part.name.value} = ${selection(part.selectionSet, type)};\n`;
}

/** The fragments that a part spreads, and those that they spread, each once. */
function spreadIn(part, found = new Map()) {
  visit(part, {
    FragmentSpread({ name }) {
      if (found.has(name.value)) return;
      found.set(name.value, fragments.get(name.value));
      spreadIn(fragments.get(name.value), found);
    },
  });
  return [...found.values()];
}

function selection({ selections }, parent) {
  if (!isObjectType(parent)) throw new Error(`${parent}: only object types are selected from here`);
  const spread = selections.filter(({ kind }) => kind === Kind.FRAGMENT_SPREAD).map(({ name }) => name.value);
  const fields = selections.filter(({ kind }) => kind === Kind.FIELD).map(node => {
    const { type } = parent.getFields()[node.name.value];
    return `${(node.alias ?? node.name).value}: ${outputType(type, node.selectionSet)}`;
  });
  return [...spread, ...(fields.length ? [`{ ${fields.join("; ")} }`] : [])].join(" & ");
}

function outputType(type, selectionSet) {
  if (isNonNullType(type)) return present(type.ofType, of => outputType(of, selectionSet));
  return `${present(type, of => outputType(of, selectionSet))} | null`;
  function present(of, inner) {
    if (isListType(of)) return `readonly (${inner(of.ofType)})[]`;
    return selectionSet ? selection(selectionSet, of) : leaf(of);
  }
}

function inputType(type) {
  if (isNonNullType(type)) return isListType(type.ofType) ? `readonly (${inputType(type.ofType.ofType)})[]` : leaf(type.ofType);
  return `${isListType(type) ? `readonly (${inputType(type.ofType)})[]` : leaf(type)} | null`;
}

function leaf(type) {
  if (isScalarType(type)) return SCALARS[type.name] ?? fail(type);
  named.add(type.name);
  return type.name;
}

function fail(type) {
  throw new Error(`the scalar ${type} has no type here: add it to SCALARS`);
}

/** Enums and inputs that were named, and those that they name. */
function declarations() {
  const written = new Map();
  for (let open = [...named]; open.length; open = [...named].filter(name => !written.has(name))) {
    for (const name of open) {
      const type = schema.getType(name);
      if (isEnumType(type)) {
        written.set(name, `export type ${name} = ${type.getValues().map(({ name: value }) => `"${value}"`).join(" | ")};`);
      } else if (isInputObjectType(type)) {
        const fields = Object.values(type.getFields()).map(({ name: field, type: of, defaultValue }) =>
          `  ${field}${isNonNullType(of) && defaultValue === undefined ? "" : "?"}: ${inputType(of)};`);
        written.set(name, `export interface ${name} {\n${fields.join("\n")}\n}`);
      } else {
        throw new Error(`${getNamedType(type)} is neither enum nor input`);
      }
    }
  }
  return `${[...written.keys()].sort().map(name => written.get(name)).join("\n\n")}\n`;
}
