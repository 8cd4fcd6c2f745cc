"""CLIP: a picture and its caption become vectors that lie close together, and those of others far apart.

    model = CLIP(CLIPConfig(vocab_size=24))
    training.train(model, training.shuffled(pictures, ids, batch_size=128), contrastive, plan)
    model.scores(pictures, ids)        # [N, M]: the cosine of each picture with each text

What it is. Two encoders that never see each other's input, and one loss that ties them: of all texts of a batch, which
is this picture's? Of all pictures, which is this text's? Both encoders are the stack of `transformer`: texts enter it
word by word, pictures patch by patch, as in the Vision Transformer (ViT).

What it leaves out. CLIP's [EOS] token and ViT's [class] token, from which the vectors are read there; here they are the
mean over words and over patches. Convolutions, augmentation, batches that are spread over many devices.

Papers. Radford et al. (2021), "Learning Transferable Visual Models From Natural Language Supervision", figure 3 is the
loss; Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words", for the patches; Yuksekgonul et al. (2023), "When and
Why Vision-Language Models Behave like Bags-of-Words", for wrong captions in the loss (there those of the whole batch).

Shapes: B pictures with their texts, P patches, T words, D = d_model numbers a vector.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.layers import initialise
from course_lib.positions import LearnedPositions
from course_lib.settings import Positive, Settings, Size, Width, divisor_of, require
from course_lib.shapes import look_up, shaped
from course_lib.transformer import Encoder, TransformerConfig

MOST = 100.0  # the scale never grows beyond it (2021, 2.5)


@dataclass(frozen=True)
class CLIPConfig(Settings):
    """Settings of both encoders, which are of one size here.

    `picture_side`, `patch_side`: in dots; `channels`: numbers a dot. `context_length`: words of a text, at most.
    `temperature`: where it starts; it learns. ValueError for patches that do not fill the picture.
    """

    vocab_size: Size
    context_length: Size = 8
    picture_side: Size = 24
    patch_side: Annotated[Size, divisor_of("picture_side")] = 4
    channels: Size = 3
    d_model: Width = 48
    num_layers: Size = 1
    num_heads: Size = 2
    d_ff: Size | None = 96
    temperature: Positive = 0.07


    def encoder(self) -> Encoder:
        return Encoder(TransformerConfig(self.vocab_size, d_model=self.d_model, num_layers=self.num_layers,
                                         num_heads=self.num_heads, d_ff=self.d_ff, dropout=0.0, norm="pre",
                                         activation="gelu"))  # fmt: skip


# --- The pieces -------------------------------------------------------------------------------------------------------


@shaped
def patches(pictures: Float[Tensor, "B height width C"], side: Size) -> Float[Tensor, "B P side*side*C"]:
    """Pictures cut into squares, row by row, and the dots of a square row by row: P = (height / side) (width / side).

    ValueError where squares of that side do not fill a picture.
    """
    B, height, width, C = pictures.shape
    require(height % side == width % side == 0, "side", side, f"a divisor of a picture's sides ({height}, {width})")
    x = pictures.reshape(B, height // side, side, width // side, side, C)
    return x.transpose(2, 3).reshape(B, -1, side * side * C)  # (B, P, side * side * C)


@shaped
def contrastive_loss(
    pictures: Float[Tensor, "B D"], texts: Float[Tensor, "B D"], temperature: float | Float[Tensor, ""],
    wrong: Float[Tensor, "B D"] | None = None,
) -> Float[Tensor, ""]:  # fmt: skip
    """Mean of -log p of the right text for each picture, and of the right picture for each text; row i belongs to row
    i. The vectors may be of any length but 0.

    `wrong`: for each picture one more text among which to choose, which is not true of it.
    """
    pictures, texts = F.normalize(pictures, dim=-1), F.normalize(texts, dim=-1)
    scores = pictures @ texts.T / temperature  # (B, B)
    to_texts = scores
    if wrong is not None:
        more = (pictures * F.normalize(wrong, dim=-1)).sum(-1, keepdim=True) / temperature
        to_texts = torch.cat([scores, more], dim=1)  # (B, B + 1)
    labels = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(to_texts, labels) + F.cross_entropy(scores.T, labels)) / 2


# --- The model --------------------------------------------------------------------------------------------------------


class PictureEncoder(nn.Module):
    """Patches, each with its place, through a stack of blocks; then their mean (a small ViT)."""

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.side, count = config.patch_side, (config.picture_side // config.patch_side) ** 2
        self.patches = nn.Linear(config.patch_side**2 * config.channels, config.d_model)
        self.positions = LearnedPositions(count, config.d_model)
        self.encoder = config.encoder()

    def forward(self, pictures: Float[Tensor, "B side side C"]) -> Float[Tensor, "B D"]:
        x = self.patches(patches(pictures, self.side))  # (B, P, D)
        return self.encoder(x + self.positions(x.shape[1])).mean(1)


class TextEncoder(nn.Module):
    """Words, each with its place, through a stack of blocks; then the mean of those that are no padding (0).

    Padding, before or behind a text, is no place; a text of nothing else becomes 0.
    """

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = LearnedPositions(config.context_length, config.d_model)
        self.encoder = config.encoder()

    def forward(self, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "B D"]:
        real = input_ids != 0
        x = look_up(self.words, input_ids) + self.positions(input_ids.shape[1], 0, real)  # (B, T, D)
        x = self.encoder(x, real) * real[..., None]
        return x.sum(1) / real.sum(1, keepdim=True).clamp(min=1)


class CLIP(nn.Module):
    """A picture encoder and a text encoder into one space, and the temperature of their scores, which learns too."""

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.config, self.side, self.channels = config, config.picture_side, config.channels
        self.pictures, self.texts = PictureEncoder(config), TextEncoder(config)
        self.picture_output = nn.Linear(config.d_model, config.d_model, bias=False)
        self.text_output = nn.Linear(config.d_model, config.d_model, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))
        initialise(self, "xavier")

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """By which cosines are divided: never below 1 / 100, or a few scores would decide everything."""
        return (-self.log_scale.clamp(max=math.log(MOST))).exp()

    @shaped
    def encode_pictures(self, pictures: Float[Tensor, "B side side channels"]) -> Float[Tensor, "B D"]:
        """A vector of length 1 for each picture."""
        return F.normalize(self.picture_output(self.pictures(pictures)), dim=-1)

    @shaped
    def encode_texts(self, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "B D"]:
        """A vector of length 1 for each text; 0 is padding, and a text of nothing else becomes 0."""
        return F.normalize(self.text_output(self.texts(input_ids)), dim=-1)

    def scores(
        self, pictures: Float[Tensor, "N height width C"], input_ids: Int[Tensor, "M T"]
    ) -> Float[Tensor, "N M"]:
        """The cosine of each picture with each text."""
        return self.encode_pictures(pictures) @ self.encode_texts(input_ids).T

    forward = scores


def contrastive(model: CLIP, batch: Sequence[Tensor]) -> Float[Tensor, ""]:
    """`contrastive_loss` for `training.train`: a batch is (pictures, ids), or (pictures, ids, ids of wrong texts)."""
    pictures, *texts = batch
    texts = [model.encode_texts(ids) for ids in texts]
    return contrastive_loss(model.encode_pictures(pictures), texts[0], model.temperature, *texts[1:])


# --- What it is used for ----------------------------------------------------------------------------------------------


@shaped
def name_vectors(model: CLIP, prompts: Int[Tensor, "names prompts T"]) -> Float[Tensor, "names D"]:
    """One vector of length 1 a name: the mean over texts that say it in several ways (2021, 3.1.4)."""
    names, ways, T = prompts.shape
    vectors = model.encode_texts(prompts.reshape(names * ways, T)).view(names, ways, -1)
    return F.normalize(vectors.mean(1), dim=-1)


@shaped
def retrieval_at(scores: Float[Tensor, "N N"], k: Size) -> float:
    """The share of rows whose own column is among the k best. A tie with another column counts as lost, as does NaN.

    >>> retrieval_at(torch.tensor([[0.9, 0.1], [0.5, 0.5]]), 1)
    0.5
    """
    ahead = (~(scores < scores.diagonal()[:, None])).sum(1) - 1  # others that do not score less
    return (ahead < k).float().mean().item()
