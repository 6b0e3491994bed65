"""The eight verbs of the pipeline, in order. Each is one module, one stage in dvc.yaml, one family of Snakemake rules.

| verb       | reads                                  | writes                                                   | GPU |
|------------|----------------------------------------|----------------------------------------------------------|-----|
| download   | a host, a mirror, a folder, or nothing | data/raw/<dataset>/                                      | no  |
| prepare    | data/raw/<dataset>/                    | data/pairs/<dataset>/                                    | no  |
| train      | data/pairs/<dataset>/                  | models/<experiment>/                                     | yes |
| render     | pairs, models/<experiment>/            | results/<study>/<experiment>/{images,shown}/             | yes |
| evaluate   | pairs, images, history                 | results/<study>/<experiment>/{metrics,intervals}.json, … | no  |
| fcn_score  | pairs, images, models/<segmenter>/     | results/<study>/fcn_scores.{json,png}                    | yes |
| robustness | pairs, models/<experiment>/, sketches/ | results/<study>/<experiment>/robustness.{csv,png}, …     | yes |
| report     | results/<study>/                       | results/<study>.{md,png,html}                            | no  |

`fingerprint` is the one helper stage: it writes which code each verb runs, and all other stages depend on it.
"""
