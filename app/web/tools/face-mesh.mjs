// Copies MediaPipe's two WebAssembly loaders into src/generated/face-mesh, changed so that they run under our
// Content-Security-Policy: three functions of Emscripten's binding layer write code as text and run it (`new Function`),
// which asks a page to allow 'unsafe-eval'. Ours do the same with closures. All else is the package's, byte for byte; a
// package in which these functions look different ends the build.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const from = new URL("../node_modules/@mediapipe/face_mesh/", import.meta.url);
const target = new URL("../src/generated/face-mesh/", import.meta.url);
const NOTICE = `/* @mediapipe/face_mesh 0.4.1633559619, Copyright The MediaPipe Authors, Apache License 2.0.
   Changed by tools/face-mesh.mjs: createNamedFunction, craftInvokerFunction and __emval_get_method_caller need no eval. */
`;

// Each runs inside the loader's own scope. Their text stands here as the functions they are, so that tools read it too.
function createNamedFunction(name, body) {
  name = makeLegalFunctionName(name);
  return { [name]: function () { return body.apply(this, arguments); } }[name];
}

function craftInvokerFunction(humanName, argTypes, classType, cppInvokerFunc, cppTargetFunc) {
  const given = argTypes.length - 2;
  if (given < 0) throwBindingError("argTypes array size mismatch! Must at least get return value and 'this' types!");
  const isMethod = argTypes[1] !== null && classType !== null;
  const needsStack = argTypes.slice(1).some(type => type !== null && type.destructorFunction === undefined);
  const wiredTypes = isMethod ? argTypes.slice(1) : argTypes.slice(2);
  return function (...args) {
    if (args.length !== given) throwBindingError(`function ${humanName} called with ${args.length} arguments, expected ${given} args!`);
    const destructors = needsStack ? [] : null;
    const values = isMethod ? [this, ...args] : args;
    const wired = wiredTypes.map((type, at) => type.toWireType(destructors, values[at]));
    const result = cppInvokerFunc(cppTargetFunc, ...wired);
    if (needsStack) runDestructors(destructors);
    else wiredTypes.forEach((type, at) => type.destructorFunction !== null && type.destructorFunction(wired[at]));
    if (argTypes[0].name !== "void") return argTypes[0].fromWireType(result);
  };
}

function __emval_get_method_caller(argCount, argTypes) {
  const [retType, ...types] = __emval_lookupTypes(argCount, argTypes);
  return __emval_addMethodCaller(function (handle, name, destructors, args) {
    let offset = 0;
    const values = types.map(type => {
      const value = type.readValueFromPointer(args + offset);
      offset += type.argPackAdvance;
      return value;
    });
    const result = handle[name](...values);
    types.forEach((type, at) => type.deleteObject && type.deleteObject(values[at]));
    if (!retType.isVoid) return retType.toWireType(destructors, result);
  });
}

/** Each function, and what follows it in the package. */
const CHANGED = [
  [createNamedFunction, "var emval_free_list"],
  [craftInvokerFunction, "function heap32VectorToArray"],
  [__emval_get_method_caller, "function __emval_incref"],
];

function changed(source, name) {
  for (const [ours, next] of CHANGED) {
    const parts = source.split(`function ${ours.name}(`);
    const end = parts.at(-1).indexOf(next);
    if (parts.length !== 2 || end < 0) throw new Error(`${name} has no ${ours.name} before ${next}`);
    source = `${parts[0]}${ours}${parts[1].slice(end)}`;
  }
  if (/new Function\(|new_\(Function|\beval\(/.test(source)) throw new Error(`${name} still runs text as code`);
  return NOTICE + source;
}

/** Writes the changed copies; a plugin for Vite, so that whoever builds has them. */
export function faceMesh() {
  return {
    name: "face-mesh",
    buildStart() {
      mkdirSync(target, { recursive: true });
      for (const name of ["face_mesh_solution_simd_wasm_bin.js", "face_mesh_solution_wasm_bin.js"]) {
        writeFileSync(new URL(name, target), changed(readFileSync(new URL(name, from), "utf8"), name));
      }
    },
  };
}
