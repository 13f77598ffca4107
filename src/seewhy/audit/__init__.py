"""The main job: evidence rows, interventions, controls and the verdict."""
