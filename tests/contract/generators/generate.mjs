// Makes TypeScript types of an AsyncAPI document with one of two generators: node generate.mjs DOCUMENT DIRECTORY GENERATOR
import fs from "node:fs";
import path from "node:path";

const [, , source, into, generator] = process.argv;
const document = JSON.parse(fs.readFileSync(source, "utf8"));

async function byModelina() {
  const { TypeScriptGenerator } = await import("@asyncapi/modelina");
  const made = new TypeScriptGenerator({
    modelType: "interface",
    enumType: "union",
    mapType: "record",
    rawPropertyNames: true,
    processorOptions: { interpreter: { ignoreAdditionalProperties: true } },
  });
  const models = await made.generate(document);
  return models.map((model) => `export ${model.result}`).join("\n\n");
}

// This one reads JSON Schema: the schemas of the document, as definitions.
async function byJsonSchema() {
  const { compile } = await import("json-schema-to-typescript");
  const definitions = JSON.parse(
    JSON.stringify(document.components.schemas).replaceAll("#/components/schemas/", "#/definitions/"),
  );
  const names = Object.keys(definitions);
  const root = {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }])),
    definitions,
  };
  return compile(root, "Homecall", { additionalProperties: false, bannerComment: "", format: false });
}

const text = await { modelina: byModelina, "json-schema-to-typescript": byJsonSchema }[generator]();
fs.writeFileSync(path.join(into, `${generator}.ts`), text);
