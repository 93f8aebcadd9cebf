//! Graphs in ONNX's format, written in memory: as much of it as the networks here are made of.
//!
//! A graph is a protocol buffer (`onnx.proto3`). Its numbers are not in it: they lie in one piece of memory beside it, as ONNX has it
//! for "external data", so that whoever runs the graph uses them where they are.

// format: the version of the format, and of the operators.
const IR_VERSION: u64 = 8;
const OPSET_VERSION: u64 = 17;
// format: numbers of the kinds of things.
const FLOAT: u64 = 1;
const EXTERNAL: u64 = 1;
const ATTRIBUTE_FLOAT: u64 = 1;
const ATTRIBUTE_INT: u64 = 2;
const ATTRIBUTE_INTS: u64 = 7;

/// The name under which the numbers are found.
pub(crate) const WEIGHTS: &str = "weights.data";

/// A graph that is being written: operators in their order, each of which gives one value.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<u8>,
    constants: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    weights: Vec<u8>,
    values: usize,
}

/// What an operator takes beside values.
pub(crate) enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, u64),
    Ints(&'a str, &'a [u64]),
}

impl Graph {
    /// An empty graph with room for so many numbers.
    pub(crate) fn with_capacity(numbers: usize) -> Self {
        Graph { weights: Vec::with_capacity(numbers * size_of::<f32>()), ..Graph::default() }
    }

    /// Something that is given to the graph.
    pub(crate) fn input(&mut self, name: &str, shape: &[usize]) {
        field(&mut self.inputs, 11, &described(name, shape));
    }

    /// Something that the graph gives, which an operator has made.
    pub(crate) fn output(&mut self, name: &str, shape: &[usize]) {
        field(&mut self.outputs, 12, &described(name, shape));
    }

    /// Numbers that stay the same.
    pub(crate) fn constant(&mut self, shape: &[usize], numbers: impl IntoIterator<Item = f32>) -> String {
        let name = self.value("constant");
        let offset = self.weights.len();
        for number in numbers {
            self.weights.extend(number.to_le_bytes());
        }
        let mut tensor = Vec::new();
        for side in shape {
            number_field(&mut tensor, 1, *side as u64);
        }
        number_field(&mut tensor, 2, FLOAT);
        field(&mut tensor, 8, name.as_bytes());
        let length = self.weights.len() - offset;
        for (key, value) in
            [("location", WEIGHTS.to_owned()), ("offset", offset.to_string()), ("length", length.to_string())]
        {
            let mut entry = Vec::new();
            field(&mut entry, 1, key.as_bytes());
            field(&mut entry, 2, value.as_bytes());
            field(&mut tensor, 13, &entry);
        }
        number_field(&mut tensor, 14, EXTERNAL);
        field(&mut self.constants, 5, &tensor);
        name
    }

    /// An operator; what it makes.
    pub(crate) fn operator(&mut self, kind: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let output = self.value(kind);
        self.named(kind, inputs, attributes, &output);
        output
    }

    /// An operator that makes something with a name of its own.
    pub(crate) fn named(&mut self, kind: &str, inputs: &[&str], attributes: &[Attribute<'_>], output: &str) {
        let mut node = Vec::new();
        for input in inputs {
            field(&mut node, 1, input.as_bytes());
        }
        field(&mut node, 2, output.as_bytes());
        field(&mut node, 4, kind.as_bytes());
        for attribute in attributes {
            field(&mut node, 5, &attribute.written());
        }
        field(&mut self.nodes, 1, &node);
    }

    /// The graph, and the numbers that belong to it.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let mut graph = self.nodes;
        field(&mut graph, 2, b"network");
        for part in [self.constants, self.inputs, self.outputs] {
            graph.extend(part);
        }
        let mut opset = Vec::new();
        field(&mut opset, 1, b"");
        number_field(&mut opset, 2, OPSET_VERSION);
        let mut model = Vec::new();
        number_field(&mut model, 1, IR_VERSION);
        field(&mut model, 7, &graph);
        field(&mut model, 8, &opset);
        (model, self.weights)
    }

    fn value(&mut self, kind: &str) -> String {
        self.values += 1;
        format!("{kind}_{}", self.values)
    }
}

impl Attribute<'_> {
    fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Attribute::Float(name, number) => {
                field(&mut bytes, 1, name.as_bytes());
                varint(&mut bytes, 2 << 3 | 5);
                bytes.extend(number.to_le_bytes());
                number_field(&mut bytes, 20, ATTRIBUTE_FLOAT);
            }
            Attribute::Int(name, number) => {
                field(&mut bytes, 1, name.as_bytes());
                number_field(&mut bytes, 3, *number);
                number_field(&mut bytes, 20, ATTRIBUTE_INT);
            }
            Attribute::Ints(name, numbers) => {
                field(&mut bytes, 1, name.as_bytes());
                for number in *numbers {
                    number_field(&mut bytes, 8, *number);
                }
                number_field(&mut bytes, 20, ATTRIBUTE_INTS);
            }
        }
        bytes
    }
}

/// A value with its name and its shape.
fn described(name: &str, shape: &[usize]) -> Vec<u8> {
    let mut sides = Vec::new();
    for side in shape {
        let mut dimension = Vec::new();
        number_field(&mut dimension, 1, *side as u64);
        field(&mut sides, 1, &dimension);
    }
    let mut tensor = Vec::new();
    number_field(&mut tensor, 1, FLOAT);
    field(&mut tensor, 2, &sides);
    let mut kind = Vec::new();
    field(&mut kind, 1, &tensor);
    let mut value = Vec::new();
    field(&mut value, 1, name.as_bytes());
    field(&mut value, 2, &kind);
    value
}

fn field(bytes: &mut Vec<u8>, number: u64, value: &[u8]) {
    varint(bytes, number << 3 | 2);
    varint(bytes, value.len() as u64);
    bytes.extend(value);
}

fn number_field(bytes: &mut Vec<u8>, number: u64, value: u64) {
    varint(bytes, number << 3);
    varint(bytes, value);
}

/// Seven bits a byte, the lowest first.
fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
