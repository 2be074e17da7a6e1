"""Languages that a person may speak, by their own names: whoever points at a list finds theirs."""

from typing import Final

PERSON_LANGUAGES: Final = {
    "nl": "Nederlands",
    "fr": "Français",
    "de": "Deutsch",
    "en": "English",
    "sq": "Shqip",
    "ar": "العربية",
    "bs": "Bosanski",
    "fa": "فارسی",
    "ku": "Kurdî",
    "ckb": "کوردیی ناوەندی",
    "ps": "پښتو",
    "ro": "Română",
    "rom": "Romani",
    "ru": "Русский",
    "so": "Soomaali",
    "es": "Español",
    "ti": "ትግርኛ",
    "tr": "Türkçe",
    "uk": "Українська",
    "ur": "اردو",
    "mul": "…",
}
"""ISO 639 code to the language's own name; ``mul`` stands for any other."""
