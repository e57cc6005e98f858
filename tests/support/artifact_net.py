"""The torch module of `artifacts`, in a file of its own as a user's would be: packages get a copy of it."""

import torch  # noqa: TID253 - it is imported where a torch model is built


class Net(torch.nn.Module):
    """Two classes out of numbers, a category, both, or an image."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(3)
        self.kind = kind
        if kind == "image":
            self.convolution = torch.nn.Conv2d(1, 3, 3)
            width = 27
        else:
            width = 3 * (kind != "numeric") + 2 * (kind != "categorical")
        if kind in ("categorical", "both"):
            self.embed_carrier = torch.nn.Embedding(6, 3)
        self.hidden = torch.nn.Linear(width, 5)
        self.out = torch.nn.Linear(5, 2)

    def head(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class Numeric(Net):
    def forward(self, numeric):
        return self.head(numeric)


class Categorical(Net):
    def forward(self, carrier):
        return self.head(self.embed_carrier(carrier))


class Both(Net):
    def forward(self, numeric, carrier):
        return self.head(torch.cat([numeric, self.embed_carrier(carrier)], dim=1))


class Image(Net):
    def forward(self, image):
        return self.head(torch.relu(self.convolution(image)).flatten(1))


def build(kind):
    return {"numeric": Numeric, "categorical": Categorical, "both": Both, "image": Image}[kind](kind)
