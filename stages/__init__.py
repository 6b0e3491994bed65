"""The eight verbs of the pipeline, in order. Each is one module, one stage in dvc.yaml, one family of Snakemake rules.

| verb     | reads                                   | writes                                              | GPU |
|----------|-----------------------------------------|-----------------------------------------------------|-----|
| download | a host, a mirror, a folder, or nothing  | data/raw/<dataset>/                                 | no  |
| prepare  | data/raw/<dataset>/                     | data/pairs/<dataset>/                               | no  |
| train    | data/pairs/<dataset>/                   | models/<experiment>/                                | yes |
| render   | pairs, models/<experiment>/             | results/<table>/<experiment>/{images/,grid,training,card} | yes |
| evaluate | pairs, images, history                  | results/<table>/<experiment>/{per_image,metrics}    | no  |
| score    | pairs, images, models/<segmenter>/      | results/<table>/<experiment>/score                  | yes |
| probe    | pairs, models/<experiment>/, sketches/  | results/<table>/<experiment>/{probe,sketches}       | yes |
| report   | results/<table>/                        | results/<table>.{md,png,html}                       | no  |
"""
