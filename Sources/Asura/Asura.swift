// One import for everything a program needs.
@_exported import AsuraConfiguration
@_exported import AsuraDiff
@_exported import AsuraModel
@_exported import AsuraProbe
@_exported import AsuraReport
@_exported import AsuraTasks
@_exported import AsuraTensor
@_exported import AsuraTrace
@_exported import AsuraTraining
