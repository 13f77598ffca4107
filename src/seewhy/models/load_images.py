"""From a name to an encoder of images alone."""

from seewhy.base.errors import UsageError
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load import checked_device, load_model
from seewhy.models.names import ModelName
from seewhy.models.ssl.families import Compared, load_family
from seewhy.models.ssl.folder import EMBEDDED_IMAGE_ENCODERS, embedded_image_folder, load_folder
from seewhy.models.ssl.pooled import PooledEncoder
from seewhy.models.ssl.towers import encoder_of_images


def load_image_encoder(
    name: str,
    *,
    device: str = "cpu",
    allow_download: bool = False,
    seed: int = 0,
    compared: Compared | None = None,
) -> ImageEncoder:
    """Load what turns images into embeddings, without texts or classes.

    | name | what it loads |
    |---|---|
    | `ssl:FAMILY@PATH` | a published self-supervised checkpoint |
    | `embedded:ssl-simclr`, `embedded:ssl-barlow` | small encoders of drawn scenes, which ship |
    | `ssl-dir:FOLDER` | an encoder written by `seewhy train ssl` |
    | any name of `load_model` | the image tower of a dual encoder, the features of a classifier |

    FAMILY is simclr_v2, barlow_twins, simsiam, simsiam-projection, dino (the teacher),
    dino-student, moco, or backbone for a ResNet without its head.

    `compared` says what images are compared by: "head", the projection head's output, a dual
    encoder's joint embedding or a classifier's scores; or "features", what these are computed
    from. By default the head, but a classifier's features. Raises `UsageError` as `load_model`.
    """
    if compared not in (None, "head", "features"):
        raise UsageError(f"compared is {compared!r}; wanted 'head', 'features' or None.")
    parsed = ModelName.parse(name)
    place = checked_device(device)
    if parsed.family == "ssl" and parsed.path is not None:
        module, preprocessing = load_family(parsed.architecture, parsed.path)
    elif parsed.family == "ssl-dir" and parsed.path is not None:
        module, preprocessing = load_folder(parsed.path)
    elif parsed.family == "embedded" and parsed.architecture in EMBEDDED_IMAGE_ENCODERS:
        module, preprocessing = load_folder(embedded_image_folder(parsed.architecture))
    else:
        model = load_model(name, device=device, allow_download=allow_download, seed=seed)
        return encoder_of_images(model, compared=compared)
    if compared == "features":
        module = PooledEncoder(module.features)
    return ImageEncoder(
        module.to(place).eval(), preprocess=preprocessing, name=name, site="features"
    )
